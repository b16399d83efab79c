"""A bill of materials in CycloneDX's form: the packages of the image, the embedded servers, the parts of GraphiQL."""

from collections.abc import Iterable, Iterator

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tests.supply_chain.assets import Part, VendorFile, files, parts
from tests.supply_chain.licences import licence_of
from tests.supply_chain.locks import Pin, pins, project


def text() -> str:
    """The bill as JSON, version 1.6."""
    return JsonV1Dot6(bill()).output_as_string(indent=2)


def bill() -> Bom:
    """All components, and of the Python packages who needs which."""
    about = project()["project"]
    parley = _component(about["name"], about["version"], about["license"], ComponentType.APPLICATION, kind="pypi")
    packages = {pin.name: (pin, _package(pin, ComponentScope.REQUIRED)) for pin in pins("runtime")}
    servers = [_package(pin, ComponentScope.OPTIONAL) for pin in pins("embedded")]
    vendored = [*map(_part, parts()), *map(_file, files())]
    made = Bom(components=[*(component for _, component in packages.values()), *servers, *vendored])
    made.metadata.component = parley
    made.register_dependency(parley, [*_needed(about["name"], packages.values()), *servers, *vendored])
    for name, (_, component) in packages.items():
        made.register_dependency(component, _needed(name, packages.values()))
    return made


def _needed(name: str, packages: Iterable[tuple[Pin, Component]]) -> Iterator[Component]:
    return (component for pin, component in packages if name in pin.needed_by)


def _package(pin: Pin, scope: ComponentScope) -> Component:
    made = _component(pin.name, pin.version, licence_of(pin.name), ComponentType.LIBRARY, kind="pypi")
    made.scope = scope
    return made


def _part(part: Part) -> Component:
    return _component(part.name, part.version, part.licence, ComponentType.LIBRARY, kind="npm")


def _file(file: VendorFile) -> Component:
    digest = HashType(alg=HashAlgorithm.SHA_256, content=file.digest)
    return Component(
        type=ComponentType.FILE, name=file.name, bom_ref=file.name, description=file.origin, hashes=[digest]
    )


def _component(name: str, version: str | None, licence: str, type_: ComponentType, *, kind: str) -> Component:
    namespace, _, last = name.rpartition("/")
    purl = PackageURL(kind, namespace or None, last, version)
    licences = [LicenseFactory().make_from_string(licence)]
    return Component(type=type_, name=name, version=version, bom_ref=str(purl), purl=purl, licenses=licences)
