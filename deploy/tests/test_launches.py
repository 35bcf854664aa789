"""Each deployment file starts the relay: its very command and variables, paths and ports moved."""

import os
import re
import subprocess

import pytest
import yaml
from launches import all_launches, image, read
from places import RELAY, ROOT, binary
from processes import Relay, deaf_client, get

TOKEN = "0123456789abcdef" * 4


def help_text():
    return subprocess.run([binary(), "--help"], capture_output=True, text=True).stdout


def known_variables():
    return set(re.findall(r"\[env: (CLASP_\w+)", help_text()))


def moved(text, folder):
    """The text with absolute paths of a container or a machine below `folder`."""
    text = text.replace("/run/credentials/clasp-relay.service", f"{folder}/credentials")
    return re.sub(r"(?<![\w./])(/data|/etc/clasp|/var/lib/clasp)\b", rf"{folder}\1", text)


@pytest.mark.parametrize("launch", all_launches(), ids=lambda launch: launch.file)
def test_a_deployment_file_starts_the_relay(launch, tmp_path):
    for place in ("data", "etc/clasp", "var/lib/clasp", "credentials"):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        token = folder / "admin.token"
        token.write_text(TOKEN)
        token.chmod(0o600)
    env = {name: moved(value, tmp_path) for name, value in launch.env.items()}
    if launch.config:
        (tmp_path / "etc/clasp/relay.toml").write_text(moved(launch.config, tmp_path))
        doors = re.findall(r"^(\w+)-port = ", launch.config, re.M)
        env |= {f"CLASP_{door.upper()}_PORT": "" for door in doors}
    env |= {name: "0" for name in env if re.fullmatch(r"CLASP_\w+_PORT", name)}
    env |= {"CLASP_WS_PORT": "0", "CLASP_HOST": "127.0.0.1"}
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "clasp-relay").symlink_to(binary())
    env["PATH"] = f"{programs}:{os.environ['PATH']}"
    command = [moved(word, tmp_path) for word in launch.command]
    command[0] = command[0].replace("/usr/local/bin", str(programs))
    with Relay([], env=env, cwd=tmp_path, program=command) as relay:
        assert get(f"http://127.0.0.1:{relay.ports['websocket']}/readyz")[0] == 200
        if "CLASP_AUTH_PORT" in env:
            door = "websocket" if "CLASP_SINGLE_PORT" in env else "auth"
            assert door in relay.ports, relay.log
            bearer = {"Authorization": f"Bearer {TOKEN}"}
            url = f"http://127.0.0.1:{relay.ports[door]}/api/relay"
            assert get(url, headers=bearer)[0] == 200
        assert relay.stop() == 0
    assert list(tmp_path.rglob("journal.db")) and list(tmp_path.rglob("state.db"))
    # LOG_FORMAT=json says "WARN" as a value; text has it as a word.
    warned = [line for line in relay.log if re.search(r"\bWARN\b|\bERROR\b", line)]
    assert not warned, warned


def mentions():
    """Every CLASP_ variable that a deployment file or a page about deployment names."""
    ours = {"CLASP_DOMAIN", "CLASP_UPSTREAM", "CLASP_AUTH_UPSTREAM"}  # Caddy's, not the relay's
    pages = list((ROOT / "docs/deployment").glob("*.md"))
    files = [path for path in RELAY.rglob("*") if path.is_file() and deployed(path)]
    for path in files + pages:
        for name in set(re.findall(r"\bCLASP_[A-Z_]+\b", path.read_text())) - ours:
            yield path.relative_to(ROOT), name


def deployed(path):
    inside = path.relative_to(RELAY).parts[0]
    return inside not in {"src", "tests", "benches", "examples", "target", "Cargo.toml", ".cargo"}


def test_every_variable_exists():
    unknown = {(str(path), name) for path, name in mentions()}
    known = known_variables()
    unknown = {(path, name) for path, name in unknown if name not in known}
    assert not unknown, unknown


def test_every_flag_exists():
    """Flags behind the program's name, in files and pages; other programs' flags do not count."""
    known = set(re.findall(r"(?<!\w)--[a-z][a-z-]*", help_text()))
    unknown = set()
    files = [path for path in RELAY.glob("*") if path.is_file() and deployed(path)]
    for path in [*files, *(ROOT / "docs/deployment").glob("*.md")]:
        joined = path.read_text().replace("\\\n", " ") if path.suffix == ".md" else path.read_text()
        for line in re.findall(r"(?<!-p )(?<!-name )clasp-relay (--.*)", joined):
            flags = re.findall(r"(?<!\w)--[a-z][a-z-]*", line.split("#")[0].split("`")[0])
            unknown |= {(path.name, flag) for flag in flags if flag not in known}
    assert not unknown, unknown


def test_the_dockerfile_is_where_the_files_say():
    app = (RELAY / "digitalocean/app.yaml").read_text()
    [path] = re.findall(r"dockerfile_path: (.*)", app)
    assert (ROOT / path).is_file()
    compose = (RELAY / "compose.yml").read_text()
    assert "context: ../.." in compose and "dockerfile: deploy/relay/Dockerfile" in compose
    assert (ROOT / "deploy/relay/Dockerfile").is_file()


def test_docker_stop_ends_the_image_in_time_whatever_its_clients_do(tmp_path):
    env = {name: moved(value, tmp_path) for name, value in image().items()}
    (tmp_path / "data").mkdir()
    ports = {"CLASP_WS_PORT": "0", "CLASP_HEALTH_PORT": "0", "CLASP_HOST": "127.0.0.1"}
    with Relay([], env=env | ports, cwd=tmp_path) as relay:
        with deaf_client(relay.ports["websocket"]):
            relay.process.terminate()
            # Then it would be killed.
            assert relay.process.wait(timeout=10) == 0
    assert list(tmp_path.rglob("state.db"))


def test_a_build_context_without_the_workspace_is_refused_with_the_way_out(tmp_path):
    """As with `docker build deploy/relay`, or that folder as App Platform's source_dir."""
    [check] = re.findall(r"^RUN (test -d crates .*)$", read("Dockerfile"), re.M)
    whole = subprocess.run(["sh", "-c", check], cwd=ROOT, capture_output=True, text=True)
    assert whole.returncode == 0, whole
    part = subprocess.run(["sh", "-c", check], cwd=RELAY, capture_output=True, text=True)
    assert part.returncode == 1 and "repository's root" in part.stderr, part
    [app] = yaml.safe_load(read("digitalocean/app.yaml"))["services"]
    assert app["source_dir"] == "/"


def test_app_platform_does_not_start_without_the_operators_token():
    [app] = [launch for launch in all_launches() if "app.yaml" in launch.file]
    env = {**os.environ, "ADMIN_TOKEN": ""}
    refused = subprocess.run(app.command, env=env, capture_output=True, text=True)
    assert refused.returncode != 0 and "openssl rand -hex 32" in refused.stderr, refused
