{{/* The files of the ConfigMap, and the addresses in them. */}}
{{- define "gatepost-chart.listen" -}}
{{- $authz := ternary "0.0.0.0:9001" "unix:@gatepost" (eq .Values.mode "standalone") }}
{{- $listen := dict "authz" $authz "admin" "0.0.0.0:9192" }}
{{- toYaml (mergeOverwrite $listen (deepCopy ((.Values.config | default dict).listen | default dict))) }}
{{- end }}

{{/* The port at the end of an address. */}}
{{- define "gatepost-chart.port" -}}
{{- splitList ":" . | last }}
{{- end }}

{{- define "gatepost-chart.files" -}}
{{- $listen := include "gatepost-chart.listen" . | fromYaml }}
gatepost.yaml: |
  {{- toYaml (merge (dict "listen" $listen) (.Values.config | default dict)) | nindent 2 }}
policy.yaml: |
  {{- toYaml .Values.policy | nindent 2 }}
{{- with .Values.nextPolicy }}
policy.next.yaml: |
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
