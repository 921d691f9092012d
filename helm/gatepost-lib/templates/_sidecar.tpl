{{- /*
The sidecar in the pods of your own chart. Its values are yours, under `gatepost`:

  image       the sidecar's image, best by digest; must be there
  configMap   the ConfigMap with gatepost.yaml and policy.yaml; default: gatepost
  secret      a Secret, mounted at /etc/gatepost-secret
  socket      abstract (the default: `listen.authz` is unix:@gatepost) or volume (unix:/run/gatepost/authz.sock)
  resources   in place of ours

gatepost.initContainer is an element of initContainers, the first; gatepost.volumes are elements of volumes;
gatepost.envoy.volumeMounts are elements of the volumeMounts of Envoy's container, none while the socket is abstract;
gatepost.podLabels and gatepost.podAnnotations are entries of the pod's metadata.

Written from src/inject/sidecar.rs: UPDATE=1 cargo test --test delivery carriers
*/ -}}

{{- define "gatepost.check" -}}
{{- if not (kindIs "map" .Values.gatepost) }}
{{- fail "gatepost: set the values of the sidecar, at least gatepost.image" }}
{{- end }}
{{- range $key, $_ := .Values.gatepost }}
{{- if not (has $key (list "image" "configMap" "secret" "socket" "resources")) }}
{{- fail (printf "gatepost.%s: there is no such value; there are image, configMap, secret, socket and resources" $key) }}
{{- end }}
{{- end }}
{{- if not (has (.Values.gatepost.socket | default "abstract") (list "abstract" "volume")) }}
{{- fail "gatepost.socket: must be abstract or volume" }}
{{- end }}
{{- end }}

{{- define "gatepost.initContainer" -}}
{{- include "gatepost.check" . -}}
{{- $gatepost := .Values.gatepost }}
- name: gatepost
  image: {{ required "gatepost.image: name the image, best by its digest" $gatepost.image | quote }}
  args: [serve, "--config", /etc/gatepost]
  restartPolicy: Always
  ports:
  - name: gatepost-admin
    containerPort: 9192
  startupProbe:
    httpGet:
      path: /readyz
      port: 9192
    periodSeconds: 1
    failureThreshold: 120
  readinessProbe:
    httpGet:
      path: /readyz
      port: 9192
    periodSeconds: 5
    failureThreshold: 3
  livenessProbe:
    httpGet:
      path: /livez
      port: 9192
    periodSeconds: 10
    failureThreshold: 6
  resources: {{- toYaml ($gatepost.resources | default (fromJson `{"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}}`)) | nindent 4 }}
  securityContext:
    allowPrivilegeEscalation: false
    capabilities:
      drop: [ALL]
    readOnlyRootFilesystem: true
    runAsGroup: 65532
    runAsNonRoot: true
    runAsUser: 65532
    seccompProfile:
      type: RuntimeDefault
  terminationMessagePolicy: FallbackToLogsOnError
  volumeMounts:
  - name: gatepost-config
    mountPath: /etc/gatepost
    readOnly: true
{{- if $gatepost.secret }}
  - name: gatepost-secret
    mountPath: /etc/gatepost-secret
    readOnly: true
{{- end }}
{{- if eq ($gatepost.socket | default "abstract") "volume" }}
  - name: gatepost-run
    mountPath: /run/gatepost
{{- end }}
{{- end }}

{{- define "gatepost.volumes" -}}
{{- include "gatepost.check" . -}}
{{- $gatepost := .Values.gatepost }}
- name: gatepost-config
  configMap:
    name: {{ $gatepost.configMap | default "gatepost" | quote }}
{{- if $gatepost.secret }}
- name: gatepost-secret
  secret:
    secretName: {{ $gatepost.secret | quote }}
{{- end }}
{{- if eq ($gatepost.socket | default "abstract") "volume" }}
- name: gatepost-run
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
{{- end }}
{{- end }}

{{- define "gatepost.envoy.volumeMounts" -}}
{{- include "gatepost.check" . -}}
{{- $gatepost := .Values.gatepost }}
{{- if eq ($gatepost.socket | default "abstract") "volume" }}
- name: gatepost-run
  mountPath: /run/gatepost
{{- end }}
{{- end }}

{{- define "gatepost.podLabels" -}}
{{- include "gatepost.check" . -}}
gatepost.dev/injected: "true"
{{- end }}

{{- define "gatepost.podAnnotations" -}}
{{- include "gatepost.check" . -}}
traffic.sidecar.istio.io/excludeInboundPorts: "9192"
{{- end }}
