"""A Dockerfile, and what runs its image in a Kubernetes cluster, for one configuration. Pure.

A container may write to /state and nowhere else, has no rights and no compiler. Secrets come from an environment file and from
files that are mounted beside the configuration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from kamsync.errors import ConfigError
from kamsync.report.installation import Installation, as_cron, words


def dockerfile(at: Installation) -> str:
    """A Dockerfile: built in one stage, run in another without compiler, as a user without rights, on a read-only root."""
    health = (
        f"import urllib.request as r; r.urlopen('http://127.0.0.1:{at.port}/healthz', timeout=5)"
        if at.port
        else "import json, subprocess as s; assert json.loads(s.check_output(['kamsync', 'status', '--json']))['schedule']"
    )
    secrets = [*(["--env-file kamsync.env"] if at.environment else [])]
    mounted = (f"./{PurePath(name).name}:{PurePath('/config') / name}:ro" for name in (*at.secret_files, *at.beside))
    secrets += [f"-v {words((one,))}" for one in mounted]
    start = " ".join(("docker run -d --name kamsync --read-only --tmpfs /tmp --cap-drop ALL",
                      "--security-opt no-new-privileges --restart on-failure --stop-timeout 40",
                      "-v kamsync-state:/state -v ./config.toml:/config/config.toml:ro", *secrets, "kamsync"))  # fmt: skip
    read = words(("config.toml", *at.beside, *(PurePath(name).name for name in at.secret_files)))
    return _DOCKERFILE.format(version=at.version, health=health, read=read, start=start, places="".join(_places(at)))


def _places(at: Installation) -> Iterator[str]:
    """What a container must be told of files that the configuration puts elsewhere than into the state folder."""
    for key, folder in (("[cache] path", at.cache_folder), ("[log] file", at.log_folder)):
        if folder is not None and folder != PurePath("/state"):
            yield f"# In the container {key} must lie in /state, the one place that it may write to; here it is in {folder}.\n"


def kubernetes_manifest(at: Installation) -> str:
    """A CronJob with its cache's volume, for `kubectl apply -f`; the commands on top make configuration and secrets of files.

    Raises ConfigError for a file whose name can be no key of a ConfigMap or Secret (kubernetes.io, "ConfigMaps").
    """
    _check_keys((at.config.name, *at.beside, *(PurePath(name).name for name in at.secret_files)))
    files = " ".join(f"--from-file={name}" for name in (at.config.name, *at.beside))
    secrets = [f"--from-file={PurePath(name).name}={name}" for name in at.secret_files]
    secrets += ["--from-env-file=kamsync.env"] if at.environment else []
    todo = [f"kubectl create configmap kamsync {files}"]
    if at.secret_files:
        todo.append(f"kubectl create secret generic kamsync-files {' '.join(s for s in secrets if 'env-file' not in s)}")
    if at.environment:
        todo.append(f"kubectl create secret generic kamsync-env --from-env-file=kamsync.env   # {', '.join(at.environment)}")
    line = as_cron(at.sync)
    said = "" if line else "# [schedule] sync is no time of cron's: weekdays at six.\n"
    for name in at.secret_files:
        if PurePath(name).is_absolute():
            said += (
                f"# In the container it lies beside the configuration: write {{ file = {PurePath(name).name!r} }} for {name}.\n"
            )
    sources = ["- configMap: {name: kamsync}", *(["- secret: {name: kamsync-files}"] if at.secret_files else [])]
    return _KUBERNETES.format(
        commands="\n".join(f"#   {command}" for command in todo),
        said=said + "".join(_places(at)),
        config=at.config.name,
        schedule=json.dumps(line or "0 6 * * 1-5"),
        timezone=at.timezone if re.fullmatch(r"[\w/+-]+", at.timezone) else json.dumps(at.timezone),
        environment="              envFrom: [{secretRef: {name: kamsync-env}}]\n" if at.environment else "",
        sources="\n".join(f"                  {source}" for source in sources),
    )


def _check_keys(names: Iterable[str]) -> None:
    for name in names:
        if not re.fullmatch(r"[-.\w]+", name, re.ASCII):
            raise ConfigError(
                f"Kubernetes can keep no file {name!r}: it takes letters, digits, dots, hyphens and underscores.",
                fix="Give the file another name, here and where the configuration names it.",
            )


_DOCKERFILE = """\
# docker build -t kamsync .   in a folder with this file; then, beside config.toml:
# sudo chgrp 10001 {read} && sudo chmod 640 {read}
# {start}
{places}FROM python:3.12-slim AS build
RUN python -m venv /opt/kamsync && /opt/kamsync/bin/pip install --no-cache-dir "kamsync[metrics,notify]=={version}"

FROM python:3.12-slim
COPY --from=build /opt/kamsync /opt/kamsync
RUN groupadd --gid 10001 kamsync \\
    && useradd --no-log-init --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin kamsync \\
    && install -d -o kamsync -g kamsync -m 0700 /state && install -d -m 0755 /config
ENV PATH=/opt/kamsync/bin:$PATH KAMSYNC_CONFIG=/config/config.toml STATE_DIRECTORY=/state PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /state
VOLUME /state
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5m --timeout=30s --start-period=1m CMD ["python", "-c", "{health}"]
ENTRYPOINT ["kamsync"]
CMD ["run"]
"""
_KUBERNETES = """\
# The image is the one of `kamsync service docker`, under a name that your cluster can pull. Once, beside the configuration:
{commands}
#   kubectl apply -f kamsync.yaml && kubectl create job --from=cronjob/kamsync kamsync-first && kubectl logs -f job/kamsync-first
{said}apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: kamsync-state}}
spec:
  accessModes: [ReadWriteOnce]
  resources: {{requests: {{storage: 2Gi}}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {{name: kamsync}}
spec:
  schedule: {schedule}
  timeZone: {timezone}
  concurrencyPolicy: Forbid
  # A run makes up for all that were missed; one that failed or was held back waits for the next time, or for a person.
  startingDeadlineSeconds: 3600
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        spec:
          restartPolicy: Never
          terminationGracePeriodSeconds: 40
          automountServiceAccountToken: false
          securityContext:
            runAsNonRoot: true
            runAsUser: 10001
            runAsGroup: 10001
            fsGroup: 10001
            seccompProfile: {{type: RuntimeDefault}}
          containers:
            - name: kamsync
              image: kamsync
              args: [run, --once]
              env:
                - {{name: KAMSYNC_CONFIG, value: /config/{config}}}
{environment}              securityContext:
                allowPrivilegeEscalation: false
                readOnlyRootFilesystem: true
                capabilities: {{drop: [ALL]}}
              resources:
                requests: {{cpu: 50m, memory: 128Mi}}
                limits: {{memory: 1Gi}}
              volumeMounts:
                - {{name: config, mountPath: /config, readOnly: true}}
                - {{name: state, mountPath: /state}}
                - {{name: tmp, mountPath: /tmp}}
          volumes:
            - name: config
              projected:
                defaultMode: 0440
                sources:
{sources}
            - name: state
              persistentVolumeClaim: {{claimName: kamsync-state}}
            - name: tmp
              emptyDir: {{}}
"""
