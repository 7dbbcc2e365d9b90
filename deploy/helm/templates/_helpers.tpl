{{/* Names, labels, and the parts that several pods share. */}}

{{- define "credits.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "credits.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "credits.labels" -}}
{{ include "credits.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "credits.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "credits.cluster" -}}
{{ include "credits.name" . }}-database
{{- end }}

{{/* Django answers to its own names only. */}}
{{- define "credits.probeHost" -}}
{{ first .Values.hosts | trimPrefix "*" | trimPrefix "." }}
{{- end }}

{{- define "credits.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 256Mi}
{{- end }}

{{- define "credits.containerSecurity" -}}
image: {{ include "credits.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
envFrom:
  - secretRef: {name: {{ required "existingSecret: name the Secret with SECRET_KEY, STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET_CREDITS (docs/kubernetes.md)." .Values.existingSecret }}}
{{- end }}

{{/* The environment of every process: a list of (chart, "web" or "direct"), the way to the database. */}}
{{- define "credits.env" -}}
{{- $chart := index . 0 }}{{ $way := index . 1 }}{{ $values := $chart.Values -}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
# Prometheus calls a pod by its address, in brackets where it is one of IPv6.
- name: ALLOWED_HOSTS
  value: {{ printf "%s,$(POD_IP),[$(POD_IP)]" (join "," $values.hosts) | quote }}
- name: SITE_URL
  value: {{ required "siteUrl: the site's address, such as https://credits.example.com." $values.siteUrl | quote }}
- name: DEFAULT_FROM_EMAIL
  value: {{ required "defaultFromEmail: the sender of all emails." $values.defaultFromEmail | quote }}
{{ include "credits.databaseEnv" . }}
{{- range $name, $value := $values.env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* The operator makes the passwords, of letters and digits only. */}}
{{- define "credits.databaseEnv" -}}
{{- $chart := index . 0 }}{{ $way := index . 1 }}{{ $database := $chart.Values.database }}{{ $cluster := include "credits.cluster" $chart -}}
{{- if $database.cluster.enabled -}}
{{- $pooled := and (eq $way "web") $database.pooler.enabled -}}
- name: POSTGRES_USER
  valueFrom: {secretKeyRef: {name: {{ $cluster }}-app, key: username}}
- name: POSTGRES_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $cluster }}-app, key: password}}
- name: DATABASE_URL
  value: postgresql://$(POSTGRES_USER):$(POSTGRES_PASSWORD)@{{ ternary (printf "%s-pooler-rw" $cluster) (printf "%s-rw" $cluster) $pooled }}:5432/credits?sslmode=require
{{- if and (eq $way "web") $database.replica.enabled (gt (int $database.cluster.instances) 1) }}
- name: DATABASE_REPLICA_URL
  value: postgresql://$(POSTGRES_USER):$(POSTGRES_PASSWORD)@{{ ternary (printf "%s-pooler-ro" $cluster) (printf "%s-ro" $cluster) $pooled }}:5432/credits?sslmode=require
{{- end }}
{{- if $pooled }}
- name: PGBOUNCER
  value: "true"
{{- end }}
{{- else -}}
{{- $external := $database.external -}}
- name: DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ $chart.Values.existingSecret }}, key: {{ ternary $external.urlKey ($external.directUrlKey | default $external.urlKey) (eq $way "web") }}}}
{{- if and (eq $way "web") $external.replicaUrlKey }}
- name: DATABASE_REPLICA_URL
  valueFrom: {secretKeyRef: {name: {{ $chart.Values.existingSecret }}, key: {{ $external.replicaUrlKey }}}}
{{- end }}
{{- if and (eq $way "web") $external.pgbouncer }}
- name: PGBOUNCER
  value: "true"
{{- end }}
{{- end }}
{{- end }}

{{/* New code never starts on an old schema, however the chart is applied. */}}
{{- define "credits.waitForSchema" -}}
initContainers:
  - name: wait-for-schema
    {{- include "credits.containerSecurity" . | nindent 4 }}
    env: {{ include "credits.env" (list . "direct") | nindent 6 }}
    command:
      - sh
      - -c
      - trap 'exit 143' TERM; until python manage.py migrate --check >/tmp/said 2>&1; do tail -n 1 /tmp/said; sleep 3; done
    resources: {{ toYaml .Values.migrate.resources | nindent 6 }}
{{- end }}

{{/* Pods of one kind apart from each other: (chart, component). */}}
{{- define "credits.spread" -}}
{{- $chart := index . 0 }}{{ $component := index . 1 -}}
topologySpreadConstraints:
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{ include "credits.selector" $chart | nindent 8 }}
        app.kubernetes.io/component: {{ $component }}
{{- end }}
{{- end }}

{{- define "credits.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}
