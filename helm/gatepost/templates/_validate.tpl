{{/* What the schema cannot say: values that are wrong together, each with what to do. */}}
{{- define "gatepost-chart.validate" -}}
{{- include "gatepost-chart.validate.files" . }}
{{- include "gatepost-chart.validate.listen" . }}
{{- include "gatepost-chart.validate.pods" . }}
{{- end }}

{{- define "gatepost-chart.validate.files" -}}
{{- if .Values.configMap.create }}
{{- if not (.Values.config | default dict).issuers }}
{{- fail "config.issuers is empty: say whose tokens to accept (README.md has an example), or set configMap.create to false where the ConfigMap is made elsewhere" }}
{{- end }}
{{- if not (.Values.policy | default dict).rules }}
{{- fail "policy.rules is empty: every request would be refused; say what each route needs" }}
{{- end }}
{{- $size := include "gatepost-chart.files" . | len }}
{{- if gt $size 1000000 }}
{{- fail (printf "config and policy are %d bytes long, and a ConfigMap holds 1 MiB" $size) }}
{{- end }}
{{- else if or (omit (.Values.config | default dict) "listen") .Values.policy .Values.nextPolicy }}
{{- fail "config, policy or nextPolicy is given, but configMap.create is false: only config.listen would be heeded" }}
{{- end }}
{{- end }}

{{- define "gatepost-chart.validate.listen" -}}
{{- $listen := include "gatepost-chart.listen" . | fromYaml }}
{{- $loopback := "^(127\\.[0-9.]+|\\[::1\\]):" }}
{{- if regexMatch $loopback $listen.admin }}
{{- fail (printf "config.listen.admin is %s: the kubelet's probes and Prometheus come to the pod's address; use 0.0.0.0" $listen.admin) }}
{{- end }}
{{- $unix := hasPrefix "unix:" $listen.authz }}
{{- if eq .Values.mode "sidecar" }}
{{- if not (or $unix (regexMatch $loopback $listen.authz)) }}
{{- fail (printf "config.listen.authz is %s, which other pods can reach: a sidecar listens at unix:@gatepost, unix:/run/gatepost/authz.sock or 127.0.0.1:PORT" $listen.authz) }}
{{- end }}
{{- if ne (include "gatepost-chart.port" $listen.admin) "9192" }}
{{- fail (printf "config.listen.admin is %s: the probes of injected pods ask at port 9192" $listen.admin) }}
{{- end }}
{{- else }}
{{- if or $unix (regexMatch $loopback $listen.authz) }}
{{- fail (printf "config.listen.authz is %s, where no gateway in another pod can ask: a standalone gatepost listens at 0.0.0.0:PORT" $listen.authz) }}
{{- end }}
{{- range $name, $address := pick $listen "authz" "admin" }}
{{- if not (regexMatch ":[1-9][0-9]{0,4}$" $address) }}
{{- fail (printf "config.listen.%s is %s: write ADDRESS:PORT" $name $address) }}
{{- end }}
{{- if lt (include "gatepost-chart.port" $address | int) 1024 }}
{{- fail (printf "config.listen.%s is %s: without privileges no port below 1024 can be opened" $name $address) }}
{{- end }}
{{- end }}
{{- if eq (include "gatepost-chart.port" $listen.authz) (include "gatepost-chart.port" $listen.admin) }}
{{- fail (printf "config.listen.authz and config.listen.admin are both at port %s" (include "gatepost-chart.port" $listen.authz)) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "gatepost-chart.validate.pods" -}}
{{- $standalone := eq .Values.mode "standalone" }}
{{- $checked := and .Values.precheck.enabled .Values.configMap.create }}
{{- if and (or $standalone $checked) (not .Values.image.repository) }}
{{- fail "image.repository is empty: build the image with deploy/Dockerfile, push it to your registry and name it here (or set precheck.enabled to false in sidecar mode, where no other pod needs it)" }}
{{- end }}
{{- if and $standalone $checked .Values.precheck.denyWarnings }}
{{- fail "precheck.denyWarnings is set, but mode is standalone: a gatepost that other pods reach always has the warning that it can be reached" }}
{{- end }}
{{- with .Values.standalone }}
{{- if and (not $standalone) .mounts }}
{{- fail "standalone.mounts is given, but mode is sidecar: the pods that get a sidecar mount their own files" }}
{{- end }}
{{- if and $standalone .autoscaling.enabled (gt (int .autoscaling.minReplicas) (int .autoscaling.maxReplicas)) }}
{{- fail (printf "standalone.autoscaling.minReplicas is %v, more than maxReplicas, %v" .autoscaling.minReplicas .autoscaling.maxReplicas) }}
{{- end }}
{{- $names := list }}
{{- range .mounts }}
{{- if has .name $names }}
{{- fail (printf "standalone.mounts has two with the name %s" .name) }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}
{{- end }}
{{- end }}
