"""Rendering CloudFormation templates without AWS: parameters, conditions and exports replaced by values.

What belongs here: the intrinsic functions that the templates in `infra/cloudformation` use, and no others.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "cloudformation"
ORDER = ("storage", "network", "cluster", "dagster", "vllm", "budget")
"""The stacks in an order in which each imports only from those before it."""

PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Region": "us-east-1",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "ftm",
}
_NAMES = (
    *(
        "BucketName",
        "ClusterName",
        "ServiceName",
        "Family",
        "RoleName",
        "LogGroupName",
        "RepositoryName",
        "Name",
    ),
    *("AutoScalingGroupName", "ManagedPolicyName", "InstanceProfileName", "DBInstanceIdentifier"),
)
_REF_IS_ARN = (
    *("AWS::SecretsManager::Secret", "AWS::ECS::TaskDefinition", "AWS::IAM::ManagedPolicy"),
    *("AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancingV2::TargetGroup"),
)
_NOTHING = object()


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref X` is {"Ref": "X"}."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse anchors and aliases, which CloudFormation does not read."""
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.YAMLError(
                f"an anchor or alias, which CloudFormation does not read: {event.start_mark}"
            )
        return super().compose_node(parent, index)


def _short_form(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if name == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - narrows the type
        value = loader.construct_mapping(node, deep=True)
    return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short_form)


@dataclass(frozen=True)
class Stack:
    """A rendered stack: its resources as they would be made, and its outputs."""

    name: str
    parameters: Mapping[str, str]
    resources: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, str]
    exports: Mapping[str, str] = field(repr=False)


@lru_cache
def template(name: str) -> dict[str, Any]:
    """Return a template with its short forms written out; YAMLError if it is not what CloudFormation reads."""
    with (FOLDER / f"{name}.yaml").open() as file:
        read: dict[str, Any] = yaml.load(file, _Loader)  # noqa: S506 - derived from the safe loader
    return read


def render(
    parameters: Mapping[str, str],
    names: Sequence[str] = ORDER,
    *,
    exports: Mapping[str, str] | None = None,
    attributes: Mapping[str, str] | None = None,
    pseudo: Mapping[str, str] | None = None,
) -> dict[str, Stack]:
    """Return the stacks by name, each rendered with those parameters that it has.

    `exports` are values of stacks that are not rendered here, `attributes` what AWS would answer for a resource
    (`Database.Endpoint.Address`); for others a made-up value stands. ValueError with all that `refusals` finds, a
    line each; KeyError for an export that no earlier stack has.
    """
    if refused := refusals(parameters, names):
        raise ValueError("\n".join(refused))
    exported, stacks = dict(exports or {}), {}
    for name in names:
        renderer = _Renderer(
            name, template(name), parameters, exported, attributes or {}, {**PSEUDO, **(pseudo or {})}
        )
        stacks[name] = renderer.stack()
        exported |= stacks[name].exports
    return stacks


def refusals(parameters: Mapping[str, str], names: Sequence[str] = ORDER) -> list[str]:
    """Return why CloudFormation would refuse these parameters, a sentence each; empty if it takes them.

    Looked at are names that no stack has, values, and the stacks' own rules. A rule about a value that is itself
    refused is left out, since it could only repeat that.
    """
    templates = {name: template(name) for name in names}
    known = {p for t in templates.values() for p in t.get("Parameters", {})}
    found = [
        f"no stack has the parameter {name}{_meant(name, known)}" for name in sorted(set(parameters) - known)
    ]
    for stack, read in templates.items():
        wrong = {n: w for n, p in read.get("Parameters", {}).items() if (w := _wrong(n, p, parameters))}
        found += wrong.values()
        sound = {n: p for n, p in read.get("Parameters", {}).items() if n not in wrong}
        renderer = _Renderer(stack, {"Parameters": sound}, parameters, {}, {}, PSEUDO)
        for name, rule in read.get("Rules", {}).items():
            if not wrong.keys() & _references(rule):
                found += [f"{stack}, rule {name}: {broken}" for broken in renderer.broken(rule)]
    return list(dict.fromkeys(found))  # two stacks may have a parameter of the same name


class _Renderer:
    def __init__(
        self,
        name: str,
        read: Mapping[str, Any],
        given: Mapping[str, str],
        exports: Mapping[str, str],
        attributes: Mapping[str, str],
        pseudo: Mapping[str, str],
    ) -> None:
        self.name, self.template, self.exports, self.attributes = name, read, exports, attributes
        self.parameters = {n: _value(n, p, given) for n, p in read.get("Parameters", {}).items()}
        self.references: dict[str, str] = {**pseudo, **self.parameters}
        self.conditions: dict[str, bool] = {}
        for condition, expression in read.get("Conditions", {}).items():
            self.conditions[condition] = self.resolve(expression)

    def stack(self) -> Stack:
        made = {n: r for n, r in self.template["Resources"].items() if self._is_made(r)}
        self.references |= {n: self._physical(n, r) for n, r in made.items()}
        resources = {n: self.resolve(r) for n, r in made.items()}
        outputs, exports = {}, {}
        for name, output in self.template.get("Outputs", {}).items():
            if self._is_made(output):
                outputs[name] = self.resolve(output["Value"])
                if "Export" in output:
                    exports[self.resolve(output["Export"]["Name"])] = outputs[name]
        return Stack(self.name, self.parameters, resources, outputs, exports)

    def broken(self, rule: Mapping[str, Any]) -> list[str]:
        """Return what a rule says about each of its assertions that does not hold."""
        if not self.resolve(rule.get("RuleCondition", True)):
            return []
        return [a["AssertDescription"] for a in rule["Assertions"] if not self.resolve(a["Assert"])]

    def resolve(self, value: Any) -> Any:
        """Return a value with its functions replaced by their results; what is AWS::NoValue is left out."""
        if isinstance(value, list):
            return [r for v in value if (r := self.resolve(v)) is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return _NOTHING if argument == "AWS::NoValue" else self.references[argument]
            if name == "Condition" and isinstance(argument, str):
                return self.conditions[argument]
            if name.startswith("Fn::"):
                return getattr(self, f"_{name[4:].lower()}")(argument)
        return {n: r for n, v in value.items() if (r := self.resolve(v)) is not _NOTHING}

    def _is_made(self, item: Mapping[str, Any]) -> bool:
        return self.conditions[item["Condition"]] if "Condition" in item else True

    def _physical(self, name: str, resource: Mapping[str, Any]) -> str:
        if name in self.attributes:
            return self.attributes[name]
        properties = resource.get("Properties", {})
        given = next((properties[n] for n in _NAMES if n in properties), None)
        is_own = isinstance(given, str) or (isinstance(given, dict) and "Fn::Sub" in given)
        named = str(self.resolve(given)) if is_own else f"{self.name}-{name}"
        return self._arn(resource["Type"], named) if resource["Type"] in _REF_IS_ARN else named

    def _arn(self, kind: str, name: str) -> str:
        """Return a made-up ARN."""
        region, account = self.references["AWS::Region"], self.references["AWS::AccountId"]
        place = ":" if kind == "AWS::S3::Bucket" else f"{region}:{account}"
        return f"arn:aws:{kind.split('::')[1].lower()}:{place}:{name}"

    # The functions; their names are those of CloudFormation.

    def _if(self, argument: list[Any]) -> Any:
        condition, then, otherwise = argument
        return self.resolve(then if self.conditions[condition] else otherwise)

    def _equals(self, argument: list[Any]) -> bool:
        first, second = self.resolve(argument)
        return bool(first == second)

    def _not(self, argument: list[Any]) -> bool:
        return not self.resolve(argument)[0]

    def _and(self, argument: list[Any]) -> bool:
        return all(self.resolve(argument))

    def _or(self, argument: list[Any]) -> bool:
        return any(self.resolve(argument))

    def _sub(self, argument: str | list[Any]) -> str:
        text, values = (
            (argument, {}) if isinstance(argument, str) else (argument[0], self.resolve(argument[1]))
        )

        def replaced(found: re.Match[str]) -> str:
            name = found[1]
            if name in values:
                return str(values[name])
            return str(self._getatt(name.split(".", 1)) if "." in name else self.references[name])

        return re.sub(r"\$\{([^!}][^}]*)\}", replaced, text)

    def _getatt(self, argument: list[str]) -> str:
        name, attribute = argument
        if (key := f"{name}.{attribute}") in self.attributes:
            return self.attributes[key]
        if attribute.endswith("Arn"):
            return self._arn(self.template["Resources"][name]["Type"], self.references[name])
        return f"{self.references[name]}.{attribute}"

    def _importvalue(self, argument: str) -> str:
        return self.exports[self.resolve(argument)]

    def _join(self, argument: list[Any]) -> str:
        separator, parts = argument
        return str(separator).join(str(p) for p in self.resolve(parts))

    def _split(self, argument: list[Any]) -> list[str]:
        separator, text = self.resolve(argument)
        return str(text).split(separator)

    def _base64(self, argument: Any) -> str:
        return str(self.resolve(argument))


def _value(name: str, parameter: Mapping[str, Any], given: Mapping[str, str]) -> str:
    return str(given.get(name, parameter.get("Default")))


def _wrong(name: str, parameter: Mapping[str, Any], given: Mapping[str, str]) -> str | None:
    """Return in plain words what is wrong with a parameter's value; None if its template takes it."""
    if name not in given and "Default" not in parameter:
        return f"the parameter {name} has no value"
    value = _value(name, parameter, given)
    least, most = (parameter.get(bound) for bound in ("MinValue", "MaxValue"))
    number = float(value) if re.fullmatch(r"-?\d+(\.\d+)?", value) else None
    demands = [
        (
            parameter["Type"] != "Number" or number is not None,
            "must be a number",
        ),
        (least is None or number is None or number >= least, f"must be at least {least}"),
        (most is None or number is None or number <= most, f"must be at most {most}"),
        (
            value in map(str, parameter.get("AllowedValues", [value])),
            f"must be one of {', '.join(str(v) or 'empty' for v in parameter.get('AllowedValues', []))}",
        ),
        (
            re.fullmatch(parameter.get("AllowedPattern", "(?s:.*)"), value) is not None,
            f"does not match {parameter.get('AllowedPattern')}",
        ),
    ]
    for holds, otherwise in demands:
        if not holds:
            return (
                f"the parameter {name} is {value!r}: it {parameter.get('ConstraintDescription', otherwise)}"
            )
    return None


def _meant(name: str, known: set[str]) -> str:
    """Return the end of a sentence that asks for the known name closest to a wrong one; empty if none is close."""
    by_lower = {k.lower(): k for k in sorted(known)}
    return "".join(
        f": did you mean {by_lower[c]}?" for c in difflib.get_close_matches(name.lower(), by_lower, n=1)
    )


def _references(value: Any) -> set[str]:
    """Return the names of all parameters that an expression refers to."""
    if isinstance(value, dict):
        own = {value["Ref"]} if isinstance(value.get("Ref"), str) else set()
        return own.union(*map(_references, value.values()))
    return set().union(*map(_references, value)) if isinstance(value, list) else set()
