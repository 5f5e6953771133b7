"""The demo's stand-in for Slack."""

import asyncio
import re
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from deploy.demo.slack import Slack, readable

Http = TestClient[web.Request, web.Application]


def with_slack(use: Callable[[Http], Awaitable[None]]) -> None:
    async def main() -> None:
        slack = Slack("http://127.0.0.1:1", speedup=60)
        async with TestClient(TestServer(slack.app())) as http:
            await use(http)

    asyncio.run(main())


async def page(http: Http) -> str:
    async with http.get("/") as response:
        return await response.text()


def test_messages_are_on_the_page_the_newest_first() -> None:
    async def use(http: Http) -> None:
        assert "No messages yet." in await page(http)
        for title in ("first", "&lt;script&gt;"):  # escaped as Slack requires
            message = {
                "channel": "#ml-alerts",
                "attachments": [
                    {
                        "title": title,
                        "text": "a\nb &amp; c",
                        "color": "good",
                        "actions": [{"type": "button", "text": "Silence", "url": "http://127.0.0.1:1/#/silences"}],
                        "footer": "ML Monitoring System",
                    }
                ],
            }
            async with http.post("/slack", json=message) as response:
                assert await response.text() == "ok"
        shown = await page(http)
        assert shown.index("&lt;script&gt;") < shown.index(">first<")
        assert "<script>" not in shown
        expected = ("#ml-alerts", "a\nb &amp; c", "border-color: #2eb886", "/#/silences")
        assert not [text for text in (*expected, "ML Monitoring System") if text not in shown]
        assert "divided by 60: where a message says 1h, the demo takes 60 seconds" in shown

    with_slack(use)


def test_dates_are_shown_in_the_local_time_zone() -> None:
    shown = readable("Since 02:13 UTC (<!date^1700000000^{date_short_pretty} at {time} in your time zone|UTC>).")
    assert re.fullmatch(r"Since 02:13 UTC \(Nov 1[3-5], 2023 at \d\d:\d\d in your time zone\)\.", shown)


def test_a_message_without_attachments_is_shown_too() -> None:
    async def use(http: Http) -> None:
        await http.post("/slack", json={"text": "plain text"})
        assert "plain text" in await page(http)

    with_slack(use)


def test_links_of_messages_lead_to_the_status_page_and_to_runbooks() -> None:
    async def redirect(http: Http, path: str) -> tuple[int, str]:
        async with http.get(path, allow_redirects=False) as response:
            return response.status, response.headers["Location"]

    async def use(http: Http) -> None:
        dashboard = "/d/prediction-exporter-drift?var-model_name=a%26b&var-model_version=1"
        assert await redirect(http, dashboard) == (302, "http://127.0.0.1:1/?model=a%26b&version=1")
        assert await redirect(http, "/d/prediction-exporter-exporter") == (302, "http://127.0.0.1:1/")
        async with http.get("/runbooks/ModelFeatureDrift.md") as response:
            assert (response.status, "# ModelFeatureDrift" in await response.text()) == (200, True)
        for path in ("/runbooks/Nothing.md", "/runbooks/..%2FREADME.md", "/runbooks/"):
            async with http.get(path) as response:
                assert response.status == 404

    with_slack(use)
