{{/* Names and labels. */}}
{{- define "gatepost-chart.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "gatepost-chart.fullname" -}}
{{- $name := include "gatepost-chart.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "gatepost-chart.selectorLabels" -}}
app.kubernetes.io/name: {{ include "gatepost-chart.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What is given cannot replace what selects. */}}
{{- define "gatepost-chart.labels" -}}
{{- $own := include "gatepost-chart.selectorLabels" . | fromYaml }}
{{- $own = merge $own (dict "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/managed-by" .Release.Service) }}
{{- $own = merge $own (dict "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_")) }}
{{- toYaml (merge $own .Values.commonLabels) }}
{{- end }}

{{/* Without versions: a new chart with the same pod rolls nothing. */}}
{{- define "gatepost-chart.podLabels" -}}
{{- $own := include "gatepost-chart.selectorLabels" . | fromYaml }}
{{- $own = merge $own (dict "app.kubernetes.io/component" "standalone") }}
{{- toYaml (merge $own .Values.standalone.podLabels .Values.commonLabels) }}
{{- end }}

{{- define "gatepost-chart.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ printf "%s@%s" .repository .digest }}
{{- else }}{{ printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}{{ end }}
{{- end }}
{{- end }}

{{- define "gatepost-chart.serviceAccountName" -}}
{{- default (ternary (include "gatepost-chart.fullname" .) "default" .Values.standalone.serviceAccount.create) .Values.standalone.serviceAccount.name }}
{{- end }}
