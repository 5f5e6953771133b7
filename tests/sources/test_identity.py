"""The decision table: is the file at this path the one that was being read."""

import pytest

from exporter.sources.file.identity import Decision, Known, Seen, decide

CONTINUE, WAIT, RESTART, REOPEN = Decision.CONTINUE, Decision.WAIT, Decision.RESTART, Decision.REOPEN
KNOWN = Known(device=1, inode=10, offset=500)
UNREAD = Known(device=1, inode=10, offset=0)


def at(size: int, *, device: int = 1, inode: int = 10, head: bool = True, context: bool = True) -> Seen:
    return Seen(device, inode, size, head, context)


@pytest.mark.parametrize(
    ("known", "seen", "decision"),
    [
        pytest.param(KNOWN, at(600), CONTINUE, id="same file with more"),
        pytest.param(KNOWN, at(500), WAIT, id="same file with nothing new"),
        pytest.param(KNOWN, None, WAIT, id="nothing there"),
        pytest.param(KNOWN, at(600, inode=11), REOPEN, id="another inode"),
        pytest.param(KNOWN, at(500, inode=11), REOPEN, id="another inode with the same content: a copy"),
        pytest.param(KNOWN, at(0, inode=11), REOPEN, id="another inode and empty"),
        pytest.param(KNOWN, at(600, inode=11, head=False, context=False), REOPEN, id="another inode, other content"),
        pytest.param(KNOWN, at(499), RESTART, id="same inode but shorter"),
        pytest.param(KNOWN, at(0, context=False), RESTART, id="truncated to nothing"),
        pytest.param(KNOWN, at(500, head=False), RESTART, id="same inode and size, other head"),
        pytest.param(KNOWN, at(500, context=False), RESTART, id="same inode and size, other context"),
        pytest.param(KNOWN, at(900, head=False, context=False), RESTART, id="truncated and outgrown"),
        pytest.param(KNOWN, at(900, context=False), RESTART, id="inode reused, same first line"),
        pytest.param(KNOWN, at(900, head=False), RESTART, id="inode reused, same bytes before the offset"),
        pytest.param(KNOWN, at(600, device=2), CONTINUE, id="other device after a reboot, same content and more"),
        pytest.param(KNOWN, at(500, device=2), WAIT, id="other device after a reboot, same content"),
        pytest.param(KNOWN, at(499, device=2), REOPEN, id="other device and shorter"),
        pytest.param(KNOWN, at(600, device=2, head=False), REOPEN, id="other device, other head"),
        pytest.param(KNOWN, at(600, device=2, context=False), REOPEN, id="other device, other context"),
        pytest.param(KNOWN, at(600, device=2, inode=11), REOPEN, id="other device and inode"),
        pytest.param(UNREAD, at(0), WAIT, id="empty and still empty"),
        pytest.param(UNREAD, at(600), CONTINUE, id="empty and now written to"),
        pytest.param(UNREAD, at(600, inode=11), REOPEN, id="empty and replaced"),
        pytest.param(UNREAD, at(600, device=2), CONTINUE, id="other device, of which nothing was read"),
        pytest.param(UNREAD, at(0, device=2), WAIT, id="other device, nothing read and nothing there"),
    ],
)
def test_decision(known: Known, seen: Seen | None, decision: Decision) -> None:
    assert decide(known, seen) is decision
