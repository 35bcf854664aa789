#!/usr/bin/env python3
"""Follows deploy/relay/Dockerfile without a container engine: each stage is a folder with a Debian
from debootstrap, RUN is a chroot, COPY obeys .dockerignore. Then starts the ENTRYPOINT as USER with
ENV, asks the HEALTHCHECK, stops it by STOPSIGNAL. The official image `rust` is Debian with a compiler;
this machine's toolchain is lent to it. image.py [FOLDER]; needs root."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from processes import deaf_client

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy/relay/Dockerfile"
COMPILER = "gcc,libc6-dev,ca-certificates"  # what rust:*-slim adds to Debian, beside Rust
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(*command, **options):
    print("$", shlex.join(str(word) for word in command)[:150], flush=True)
    subprocess.run([str(word) for word in command], check=True, **options)


def instructions(text):
    """Instruction and argument, lines joined, comments gone."""
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for line in kept.replace("\\\n", " ").splitlines():
        if line.strip():
            name, argument = line.split(None, 1)
            yield name.upper(), argument.strip()


def pairs(argument):
    return dict(word.split("=", 1) for word in shlex.split(argument))


class Stage:
    """One FROM: its folder and what its instructions have set."""

    def __init__(self, image, folder):
        self.folder, self.env = folder, {"PATH": PATH}
        self.workdir, self.user, self.settings = "/", "0:0", {}
        self.rust = image.startswith("rust:")
        release = next(word for word in re.findall("[a-z]+", image) if word in RELEASES)
        packages = [f"--include={COMPILER}"] if self.rust else []
        seed = folder.parent / f"seed-{release}{'-rust' if self.rust else ''}"
        if not (seed / "complete").exists():
            shutil.rmtree(seed, ignore_errors=True)
            run("debootstrap", "--variant=minbase", *packages, release, seed / "root",
                stdout=subprocess.DEVNULL)
            (seed / "complete").touch()
        run("cp", "-a", f"{seed}/root", folder)

    def inside(self, path):
        path = Path(self.workdir) / path
        return self.folder / path.relative_to("/")

    @contextmanager
    def mounted(self):
        """/proc and /dev, and for `rust` the toolchain with its registry."""
        lent = [("/proc", "proc"), ("/dev", "dev")]
        if self.rust:
            sysroot = subprocess.check_output(["rustc", "--print", "sysroot"], text=True).strip()
            home = os.environ.get("CARGO_HOME") or Path.home() / ".cargo"
            lent += [(sysroot, "usr/local/rust"), (Path(home) / "registry", "root/.cargo/registry")]
            self.env["PATH"] = f"/usr/local/rust/bin:{PATH}"
            self.env["HOME"] = "/root"
            shutil.copy("/etc/resolv.conf", self.folder / "etc/resolv.conf")
        places = []
        try:
            for source, place in lent:
                (self.folder / place).mkdir(parents=True, exist_ok=True)
                run("mount", "--bind", source, self.folder / place)
                places.append(self.folder / place)
            yield
        finally:
            for place in reversed(places):
                run("umount", "--lazy", place)

    def chroot(self, command):
        groups = [] if self.user == "0:0" else [f"--userspec={self.user}", "--groups="]
        inner = f"cd {shlex.quote(self.workdir)} && exec \"$@\""
        return ["chroot", *groups, str(self.folder), "/bin/sh", "-c", inner, "sh", *command]


RELEASES = {"bookworm", "trixie"}


def context(target):
    """The build context as .dockerignore leaves it, into a folder."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines()
             if line and not line.startswith("#")]
    assert rules[0] == "*", "this reader knows lists of what is let through"
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    refused = [rule.removeprefix("**/") for rule in rules[1:] if not rule.startswith("!")]
    leave = lambda _, names: [n for n in names if any(fnmatch(n, rule) for rule in refused)]
    for name in allowed:
        source = ROOT / name
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=leave, dirs_exist_ok=True)
        else:
            shutil.copy(source, target / name)


def copy(stage, stages, argument):
    words = shlex.split(argument)
    *sources, target = [word for word in words if not word.startswith("--")]
    for option in words:
        if option.startswith("--from="):
            [source] = sources
            place = stage.inside(target)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(stages[option.removeprefix("--from=")].inside(source), place)
            return
    assert sources == ["."], f"COPY {argument}: only the whole context or --from is known"
    stage.inside(target).mkdir(parents=True, exist_ok=True)
    context(stage.inside(target))


def build(folder):
    """Follows the Dockerfile; the last stage is the image."""
    stages, stage, arguments = {}, None, {}
    for name, argument in instructions(DOCKERFILE.read_text()):
        print(f"--- {name} {argument[:120]}", flush=True)
        match name:
            case "FROM":
                words = argument.split()
                label = words[2] if len(words) == 3 else "image"
                stage = stages[label] = Stage(words[0], folder / label)
            case "ARG":
                arguments |= pairs(argument)
            case "ENV":
                stage.env |= pairs(argument)
            case "WORKDIR":
                stage.workdir = argument
                stage.inside(".").mkdir(parents=True, exist_ok=True)
            case "USER":
                stage.user = argument
            case "COPY":
                copy(stage, stages, argument)
            case "RUN":
                with stage.mounted():
                    env = {**stage.env, **arguments}
                    run(*stage.chroot(["/bin/sh", "-c", argument]), env=env)
            case "ENTRYPOINT":
                stage.settings[name] = json.loads(argument)
            case "HEALTHCHECK":
                stage.settings[name] = json.loads(argument[argument.index("CMD") + 3:])
            case "STOPSIGNAL":
                stage.settings[name] = argument
            case "LABEL" | "EXPOSE" | "VOLUME":
                pass
            case _:
                sys.exit(f"image.py does not know the instruction {name}")
    return stage


def healthy(image):
    """The HEALTHCHECK's exit code, and what it says."""
    command = image.chroot(image.settings["HEALTHCHECK"])
    return subprocess.run(command, env=image.env, capture_output=True, text=True)


def serve(image, env):
    """Starts the ENTRYPOINT and returns it when it is ready."""
    command = image.chroot(image.settings["ENTRYPOINT"])
    child = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    for line in child.stdout:
        print("   ", line, end="")
        if "ready, accepting connections" in line:
            return child
    sys.exit("the relay in the image did not start")


def prove(image):
    """Start, health check, stop: twice, so that the second start finds the first one's files."""
    with image.mounted():
        sick = healthy(image)
        assert sick.returncode == 1, f"the health check of a stopped relay: {sick}"
        for _ in range(2):
            child = serve(image, {**image.env, "CLASP_HOST": "127.0.0.1"})
            try:
                well = healthy(image)
                assert well.returncode == 0, f"the health check: {well}"
                [entry] = Path(f"/proc/{child.pid}/status").read_text().split("Uid:\t")[1:]
                assert entry.startswith(image.user.split(":")[0]), "it runs as somebody else"
                deaf = deaf_client(7330)
                child.send_signal(signal.Signals[image.settings["STOPSIGNAL"]])
                assert child.wait(timeout=10) == 0, "docker stop allows 10 seconds"
                deaf.close()
            finally:
                child.kill()
        files = {file.name for file in (image.folder / "data").iterdir()}
        assert {"journal.db", "state.db"} <= files, files


def main():
    if os.geteuid() != 0:
        sys.exit("image.py needs root: it makes folders with a Debian of their own and enters them")
    seeds = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "target/image-test"
    seeds.mkdir(parents=True, exist_ok=True)
    for old in ("builder", "image"):
        shutil.rmtree(seeds / old, ignore_errors=True)
    image = build(seeds.resolve())
    prove(image)
    used = subprocess.check_output(["du", "-sm", image.folder], text=True).split()[0]
    print(f"image-test: the image works; {used} MB with Debian's base")


if __name__ == "__main__":
    main()
