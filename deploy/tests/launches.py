"""How each deployment file starts the relay: command and environment, read from the file."""

import json
import re
import shlex
import tomllib
from dataclasses import dataclass, field

import yaml
from places import RELAY


@dataclass
class Launch:
    file: str
    env: dict
    command: list = field(default_factory=lambda: ["clasp-relay"])
    # What is in /etc/clasp/relay.toml.
    config: str = ""


class Intrinsics(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, each read as its bare argument."""


def bare(loader, _suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


Intrinsics.add_multi_constructor("!", bare)


def read(name):
    return (RELAY / name).read_text()


def image():
    """What the Dockerfile's ENV gives every container."""
    text = read("Dockerfile").replace("\\\n", " ")
    lines = re.findall(r"^ENV (.*)$", text, re.M)
    return dict(word.split("=", 1) for line in lines for word in shlex.split(line))


def settings(unit):
    return dict(line.split("=", 1) for line in re.findall(r"^Environment=(.*)$", unit, re.M))


def template():
    """CloudFormation's container, with the defaults of the parameters that it refers to."""
    whole = yaml.load(read("aws/cloudformation.yaml"), Intrinsics)
    defaults = {name: p.get("Default", name) for name, p in whole["Parameters"].items()}
    [container] = whole["Resources"]["Task"]["Properties"]["ContainerDefinitions"]
    for entry in container["Environment"]:
        entry["Value"] = str(defaults.get(entry["Value"], entry["Value"]))
    return container


def task():
    [container] = json.loads(read("aws/task-definition.json"))["containerDefinitions"]
    return container


def all_launches():
    compose = yaml.safe_load(read("compose.yml"))["services"]["relay"]["environment"]
    [app] = yaml.safe_load(read("digitalocean/app.yaml"))["services"]
    pod = yaml.safe_load(read("kubernetes/relay.yaml"))["spec"]["template"]["spec"]
    lower = task()
    upper = template()
    unit = read("systemd/clasp-relay.service")
    [start] = re.findall(r"^ExecStart=(.*)$", unit, re.M)
    secret = {"ADMIN_TOKEN": "0123456789abcdef" * 4}
    with_defaults = {k: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", v) for k, v in compose.items()}
    return [
        Launch("Dockerfile", image()),
        Launch("compose.yml", image() | with_defaults),
        Launch(
            "digitalocean/app.yaml",
            image() | {entry["key"]: entry["value"] for entry in app["envs"]} | secret,
            shlex.split(app["run_command"]),
        ),
        Launch("fly.toml", image() | tomllib.loads(read("fly.toml"))["env"]),
        Launch(
            "kubernetes/relay.yaml",
            image() | {entry["name"]: entry["value"] for entry in pod["containers"][0]["env"]},
        ),
        Launch(
            "aws/task-definition.json",
            image() | secret | {e["name"]: e["value"] for e in lower["environment"]},
            lower["entryPoint"] + lower["command"],
        ),
        Launch(
            "aws/cloudformation.yaml",
            image() | secret | {e["Name"]: e["Value"] for e in upper["Environment"]},
            upper["EntryPoint"] + upper["Command"],
        ),
        Launch(
            "systemd/clasp-relay.service", settings(unit), shlex.split(start),
            read("systemd/relay.toml"),
        ),
    ]
