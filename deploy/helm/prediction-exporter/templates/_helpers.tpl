{{- define "prediction-exporter.labels" -}}
app.kubernetes.io/name: prediction-exporter
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* A pod with the sidecar needs this label, an init container and volumes. */}}
{{- define "prediction-exporter.podLabels" -}}
prediction-exporter: enabled
{{- end }}

{{- define "prediction-exporter.initContainers" -}}
- name: prediction-exporter
  # A native sidecar: it starts before the model and stops after it, so that it reads the last lines.
  restartPolicy: Always
  {{- include "prediction-exporter.container" . | nindent 2 }}
{{- end }}

{{- define "prediction-exporter.volumes" -}}
{{- if eq .Values.source "file" }}
- name: model-log
  emptyDir: {sizeLimit: {{ .Values.logSize }}}
{{- else if eq .Values.source "unix" }}
- name: model-socket
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- else if eq .Values.source "pods" }}
- name: pod-logs
  hostPath: {path: /var/log/pods, type: Directory}
{{- end }}
- name: prediction-exporter-config
  configMap: {name: {{ .Values.name }}}
- name: prediction-exporter-state
  {{- if eq .Values.source "kserve" }}
  persistentVolumeClaim: {claimName: {{ .Values.name }}}
  {{- else }}
  emptyDir: {sizeLimit: {{ .Values.stateSize }}}
  {{- end }}
{{- end }}

{{- define "prediction-exporter.container" -}}
image: {{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
ports:
  - name: model-metrics
    containerPort: 9465
startupProbe:
  httpGet: {path: /-/ready, port: model-metrics}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /-/healthy, port: model-metrics}
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 4
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  # The kubelet and the container runtime write logs as root, readable for root's group (0640).
  runAsGroup: {{ eq .Values.source "pods" | ternary 0 65532 }}
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
  {{- if eq .Values.source "file" }}
  - {name: model-log, mountPath: /var/log/model, readOnly: true}
  {{- else if eq .Values.source "unix" }}
  - {name: model-socket, mountPath: /run/model}
  {{- else if eq .Values.source "pods" }}
  - {name: pod-logs, mountPath: /var/log/pods, readOnly: true}
  {{- end }}
  - {name: prediction-exporter-config, mountPath: /etc/prediction-exporter, readOnly: true}
  - {name: prediction-exporter-state, mountPath: /var/lib/prediction-exporter}
{{- end }}

{{- define "prediction-exporter.sources" -}}
sources:
  {{- if eq .Values.source "file" }}
  - file:///var/log/model/*.jsonl
  {{- else if eq .Values.source "unix" }}
  - unix:///run/model/predictions.sock
  {{- else if eq .Values.source "pods" }}
  - url: file:///var/log/pods/*/{{ .Values.pods.container }}/*.log
    format: cri
    start: end
    path_fields: '/pods/(?P<namespace>[^_]+)_(?P<pod>(?P<model>[^_]+?)(?:(?:-[a-z0-9]{6,10})?-[a-z0-9]{5}|-\d+)?)_'
    fields: {model_name: model}
    where: {{ .Values.pods.where | toJson }}
segments: [namespace]
  {{- else }}
  - {url: http:///v1/predictions, format: kserve}
  {{- end }}
{{- end }}

{{- /* A model's name may contain characters that a key of a ConfigMap may not. */}}
{{- define "prediction-exporter.referenceFile" -}}
reference-{{ regexReplaceAll "[^-._a-zA-Z0-9]" . "_" }}.json
{{- end }}

{{- /* config.yaml: the keys that follow from the source; the user's keys take precedence. */}}
{{- define "prediction-exporter.config" -}}
{{- $implied := include "prediction-exporter.sources" . | fromYaml }}
{{- $_ := set $implied "state_dir" "/var/lib/prediction-exporter" }}
{{- if .Values.reference }}{{ $_ := set $implied "reference" "reference.json" }}{{ end }}
{{- $models := dict }}
{{- range $model, $content := .Values.references }}
{{- $_ := set $models $model (dict "reference" (include "prediction-exporter.referenceFile" $model)) }}
{{- end }}
{{- if $models }}{{ $_ := set $implied "models" $models }}{{ end }}
{{- mergeOverwrite $implied .Values.config | toYaml }}
{{- end }}
