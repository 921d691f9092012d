{{/* Parts of the pods that this chart owns: the restricted Pod Security Standard, and the standalone container. */}}
{{- define "gatepost-chart.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  # Mounted Secrets are readable by this group, and by nobody else.
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "gatepost-chart.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop:
    - ALL
{{- end }}

{{- define "gatepost-chart.container" -}}
{{- $listen := include "gatepost-chart.listen" . | fromYaml }}
- name: gatepost
  image: {{ include "gatepost-chart.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args:
    - serve
    - --config=/etc/gatepost
    - --log={{ .Values.standalone.log }}
  ports:
    - name: grpc
      containerPort: {{ include "gatepost-chart.port" $listen.authz }}
    - name: gatepost-admin
      containerPort: {{ include "gatepost-chart.port" $listen.admin }}
  # Ready once the keys of every issuer have been read. An issuer that goes down later does not make it unready.
  startupProbe:
    httpGet:
      path: /readyz
      port: gatepost-admin
    periodSeconds: 1
    failureThreshold: 120
  readinessProbe:
    httpGet:
      path: /readyz
      port: gatepost-admin
    periodSeconds: 5
    timeoutSeconds: 2
  livenessProbe:
    httpGet:
      path: /livez
      port: gatepost-admin
    periodSeconds: 10
    timeoutSeconds: 2
  {{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version }}
  lifecycle:
    preStop:
      # Gateways take a moment to hear that this pod is leaving.
      sleep:
        seconds: 5
  {{- end }}
  {{- with .Values.standalone.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- include "gatepost-chart.containerSecurity" . | nindent 4 }}
  volumeMounts:
    - name: config
      mountPath: /etc/gatepost
      readOnly: true
    {{- range .Values.standalone.mounts }}
    - name: files-{{ .name }}
      mountPath: /run/gatepost-files/{{ .name }}
      readOnly: true
    {{- end }}
{{- end }}

{{- define "gatepost-chart.volumes" -}}
- name: config
  configMap:
    name: {{ .Values.configMap.name }}
{{- range .Values.standalone.mounts }}
- name: files-{{ .name }}
  {{- if .secret }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
  {{- else }}
  configMap:
    name: {{ .configMap }}
  {{- end }}
{{- end }}
{{- end }}
