"""Every deployment file is valid to the tools that read it: their schemas where a package carries
one (Compose, Kubernetes, CloudFormation, cloud-init), else the members of the vendors' references
that we use (schemas/)."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml
from launches import task, template
from places import RELAY, ROOT

TOOLS = Path(sys.executable).parent


def passes(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def schema(name):
    return json.loads((Path(__file__).parent / "schemas" / name).read_text())


def test_alert_rules():
    """Prometheus' own checker; where its package cannot be had this is skipped."""
    promtool = os.environ.get("CLASP_PROMTOOL")
    if not promtool:
        pytest.skip("CLASP_PROMTOOL names no promtool (Debian's package prometheus)")
    passes(promtool, "check", "rules", ROOT / "deploy/prometheus/alerts.yml")


def test_compose():
    file = RELAY / "compose.yml"
    passes(TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)


@pytest.mark.parametrize("file", sorted((RELAY / "kubernetes").iterdir()), ids=lambda it: it.name)
def test_kubernetes(file):
    passes(TOOLS / "kubernetes-validate", "--strict", file)


def test_cloudformation():
    passes(TOOLS / "cfn-lint", RELAY / "aws/cloudformation.yaml")


def capital(value):
    """The members of a task definition as CloudFormation spells them; options keep their names."""
    if isinstance(value, dict):
        return {
            "FilesystemId" if name == "fileSystemId" else name[0].upper() + name[1:]: (
                member if name == "options" else capital(member)
            )
            for name, member in value.items()
        }
    return [capital(member) for member in value] if isinstance(value, list) else value


def test_task_definition(tmp_path):
    definition = capital(json.loads((RELAY / "aws/task-definition.json").read_text()))
    for volume in definition["Volumes"]:
        volume["EFSVolumeConfiguration"] = volume.pop("EfsVolumeConfiguration")
        access = volume["EFSVolumeConfiguration"]["AuthorizationConfig"]
        access["IAM"] = access.pop("Iam")
    resource = {"Type": "AWS::ECS::TaskDefinition", "Properties": definition}
    file = tmp_path / "task.json"
    file.write_text(json.dumps({"Resources": {"Task": resource}}))
    passes(TOOLS / "cfn-lint", file)


def test_the_task_alone_is_that_of_the_template():
    alone, whole = capital(task()), template()
    for name in ("Image", "Secrets", "LogConfiguration"):
        del alone[name], whole[name]
    assert alone == whole


def test_app_platform():
    spec = yaml.safe_load((RELAY / "digitalocean/app.yaml").read_text())
    jsonschema.validate(spec, schema("app-platform.json"))


def test_fly():
    jsonschema.validate(tomllib.loads((RELAY / "fly.toml").read_text()), schema("fly.json"))


def test_cloud_init():
    found = os.environ.get("CLASP_CLOUD_INIT_SCHEMA")
    if not found:
        pytest.skip("CLASP_CLOUD_INIT_SCHEMA is not set; cargo xtask test --only deploy sets it")
    text = (RELAY / "cloud-init.yaml").read_text()
    assert text.startswith("#cloud-config\n")
    jsonschema.validate(yaml.safe_load(text), json.loads(Path(found).read_text()))


def test_dockerfile():
    passes(TOOLS / "hadolint", RELAY / "Dockerfile")


def test_the_image_gets_what_the_build_needs():
    """Each member of the workspace whose manifest cargo reads is let through."""
    allowed = (ROOT / ".dockerignore").read_text()
    for name in ("Cargo.toml", "Cargo.lock", "crates", "deploy/relay/src", "xtask/Cargo.toml"):
        assert f"!{name}\n" in allowed, name


@pytest.mark.parametrize(
    "script", sorted(RELAY.glob("*.sh")) + sorted(RELAY.glob("*/*.sh")), ids=lambda it: it.name
)
def test_script(script):
    passes("shellcheck", script)
    assert os.access(script, os.X_OK)


def test_the_script_in_cloud_init(tmp_path):
    content = yaml.safe_load((RELAY / "cloud-init.yaml").read_text())["write_files"][0]["content"]
    script = tmp_path / "install-relay.sh"
    script.write_text(content)
    passes("shellcheck", "--exclude=SC1091", script)


def test_the_droplet_script_fills_in_everything(tmp_path):
    """With a `doctl` that keeps what it is given."""
    fake = tmp_path / "doctl"
    fake.write_text(
        '#!/bin/sh\necho "$@" > "$KEPT.arguments"\n'
        'while [ $# -gt 0 ]; do [ "$1" != --user-data-file ] || cp "$2" "$KEPT"; shift; done\n'
    )
    fake.chmod(0o755)
    kept = tmp_path / "user-data"
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "KEPT": str(kept)}
    script = RELAY / "digitalocean/create-droplet.sh"
    words = ["relay.example.org", "https://example.org/clasp.git", "1234"]
    subprocess.run([script, *words], env=env, check=True, capture_output=True)
    text = kept.read_text()
    assert "@" not in text and "relay.example.org" in text and words[1] in text
    assert "--ssh-keys 1234" in Path(f"{kept}.arguments").read_text()
    bad = subprocess.run([script, "a;reboot", *words[1:]], env=env, capture_output=True)
    assert bad.returncode == 2


def test_installing_twice_keeps_the_token(tmp_path):
    env = {**os.environ, "DESTDIR": str(tmp_path)}
    token = tmp_path / "etc/clasp/admin.token"
    kept = None
    for _ in range(2):
        passes("env", f"DESTDIR={tmp_path}", RELAY / "install.sh", "relay.example.org")
        assert kept in (None, token.read_text())
        kept = token.read_text()
    assert len(kept.strip()) == 64 and token.stat().st_mode & 0o777 == 0o600
    assert "relay.example.org" in (tmp_path / "etc/caddy/Caddyfile").read_text()
    unit = (tmp_path / "etc/systemd/system/clasp-relay.service").read_text()
    assert unit == (RELAY / "systemd/clasp-relay.service").read_text()
    bad = subprocess.run([RELAY / "install.sh", "a/b"], env=env, capture_output=True)
    assert bad.returncode == 2
