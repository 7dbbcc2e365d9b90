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

{{/* A CronJob's name has 52 characters at most: the release's part is cut, so that the jobs' names stay distinct. */}}
{{- define "credits.cronJob" -}}
{{- $chart := index . 0 }}{{ $job := index . 1 -}}
{{ include "credits.name" $chart | trunc (int (sub 51 (len $job))) | trimSuffix "-" }}-{{ $job }}
{{- end }}

{{/* Django answers to its own names only. By .shop.example.com it means that domain and all below it. */}}
{{- define "credits.probeHost" -}}
{{ first .Values.hosts | trimPrefix "." }}
{{- end }}

{{/* Helm reads numbers as floats, and would write the large ones as 3.1536e+07. */}}
{{- define "credits.text" -}}
{{ if kindIs "string" . }}{{ quote . }}{{ else }}{{ toJson . | quote }}{{ end }}
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
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
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
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
envFrom:
  - secretRef: {name: {{ required "existingSecret: name the Secret with SECRET_KEY, STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET_CREDITS (docs/kubernetes.md)." .Values.existingSecret }}}
{{- end }}

{{/* The environment of every process: a list of (chart, "web" or "direct"), the way to the database. */}}
{{- define "credits.env" -}}
{{- $chart := index . 0 }}{{ $way := index . 1 }}{{ $values := $chart.Values -}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
# Prometheus calls a pod by its address.
- name: ALLOWED_HOSTS
  value: {{ printf "%s,$(POD_IP)" (join "," $values.hosts) | quote }}
- name: SITE_URL
  value: {{ required "siteUrl: the site's address, such as https://credits.example.com." $values.siteUrl | quote }}
- name: DEFAULT_FROM_EMAIL
  value: {{ required "defaultFromEmail: the sender of all emails." $values.defaultFromEmail | quote }}
{{ include "credits.databaseEnv" . }}
{{- range $name, $value := $values.env }}
- name: {{ $name }}
  value: {{ include "credits.text" $value }}
{{- end }}
{{- end }}

{{/*
The operator makes the passwords, of letters and digits only. Each variable is set in any case, or else the Secret that
is read as a whole (envFrom) could give the worker a replica, or a PgBouncer that it doesn't use.
*/}}
{{- define "credits.databaseEnv" -}}
{{- $chart := index . 0 }}{{ $isWeb := eq (index . 1) "web" }}{{ $database := $chart.Values.database -}}
{{- $pooled := and $isWeb (ternary $database.pooler.enabled $database.external.pgbouncer $database.cluster.enabled) -}}
{{- if $database.cluster.enabled -}}
{{- $cluster := include "credits.cluster" $chart -}}
{{- $server := printf "postgresql://$(POSTGRES_USER):$(POSTGRES_PASSWORD)@%s" $cluster -}}
- name: POSTGRES_USER
  valueFrom: {secretKeyRef: {name: {{ $cluster }}-app, key: username}}
- name: POSTGRES_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $cluster }}-app, key: password}}
- name: DATABASE_URL
  value: {{ printf "%s-%s:5432/credits?sslmode=require" $server (ternary "pooler-rw" "rw" $pooled) | quote }}
- name: DATABASE_REPLICA_URL
  {{- if and $isWeb (include "credits.hasReplica" $chart) }}
  # Not through a pooler: the check before a page and its reads must reach the same server (docs/replicas.md).
  value: {{ printf "%s-ro:5432/credits?sslmode=require" $server | quote }}
  {{- else }}
  value: ""
  {{- end }}
{{- else -}}
{{- $secret := $chart.Values.existingSecret }}{{ $external := $database.external -}}
- name: DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ ternary $external.urlKey ($external.directUrlKey | default $external.urlKey) $isWeb }}}}
- name: DATABASE_REPLICA_URL
  {{- if and $isWeb $external.replicaUrlKey }}
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ $external.replicaUrlKey }}}}
  {{- else }}
  value: ""
  {{- end }}
{{- end }}
- name: PGBOUNCER
  value: {{ $pooled | quote }}
{{- end }}

{{/* Whether the chart's own cluster has a replica to read from: "true" or nothing. */}}
{{- define "credits.hasReplica" -}}
{{- with .Values.database }}{{ if and .cluster.enabled .replica.enabled (gt (int .cluster.instances) 1) }}true{{ end }}{{ end }}
{{- end }}

{{/* Whether anything is scaled: with web.replicas 0 nothing is, which stops the site. */}}
{{- define "credits.autoscales" -}}
{{- if and .Values.web.autoscaling.enabled (gt (int .Values.web.replicas) 0) }}true{{ end }}
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
      # Without the indented lines of a traceback, among which the reason would be lost. If only migrations are
      # missing, the command says nothing.
      - |
        trap 'exit 143' TERM
        until python manage.py migrate --check >/tmp/said 2>&1; do
          grep -v '^ ' /tmp/said | tail -n 20
          echo "The schema isn't this version's yet, or the database can't be asked. Trying again in 3 seconds."
          sleep 3
        done
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
