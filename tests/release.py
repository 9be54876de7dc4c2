"""Makes and checks what a release publishes: source distribution, wheel, and bill of materials.

tox run -e release    writes them to dist/

The bill of materials (SBOM) is CycloneDX 1.6 in JSON, by cyclonedx-py: what an installation of the
wheel with every extra consists of today. Two builds of one state have equal files, see
tests/unit/test_wheel.py.
"""

from __future__ import annotations

import email
import json
import subprocess
import sys
import tempfile
import zipfile
from email.message import Message
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str) -> None:
    """Run a command of this environment; end here if it fails."""
    if subprocess.run([sys.executable, *command], cwd=ROOT).returncode:
        sys.exit(f"failed: {' '.join(command)}")


def described(wheel: Path) -> Message:
    """The metadata of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def needs(metadata: Message) -> set[str]:
    """The distributions that a wheel asks for on this interpreter, with all its extras."""
    declared = map(Requirement, metadata.get_all("Requires-Dist", []))
    extras = metadata.get_all("Provides-Extra", [])
    return {
        canonicalize_name(each.name)
        for each in declared
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras)
    }


def bill(wheel: Path, metadata: Message) -> dict[str, Any]:
    """The bill of materials of the wheel, installed with every extra beside nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        bare, path = Path(folder, "bare"), Path(folder, "bom.json")
        run("-m", "venv", "--without-pip", str(bare))
        target = f"{wheel}[{','.join(metadata.get_all('Provides-Extra', []))}]"
        run("-m", "pip", "--python", str(bare / "bin" / "python"), "install", "--quiet", target)
        make = ("-m", "cyclonedx_py", "environment", "--output-reproducible", "--sv", "1.6")
        named = ("--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "library")
        run(*make, *named, "--output-file", str(path), str(bare / "bin" / "python"))
        made: dict[str, Any] = json.loads(path.read_text("utf-8"))
    # pyproject.toml leaves the version to the package.
    version = metadata["Version"]
    made["metadata"]["component"] |= {"version": version, "purl": f"pkg:pypi/ringwall@{version}"}
    return made


def faults(made: dict[str, Any], metadata: Message) -> list[str]:
    """What is wrong with a bill of materials, one line for each."""
    text = json.dumps(made)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    found = [f"not CycloneDX 1.6: {wrong}"] if wrong else []
    subject = made["metadata"]["component"]
    if not any(each.get("license", {}).get("id") == "Apache-2.0" for each in subject["licenses"]):
        found.append("the licence of the package is missing")
    components = {canonicalize_name(each["name"]): each for each in made["components"]}
    found += [f"{name} is missing" for name in sorted(needs(metadata) - components.keys())]
    found += [
        f"{name} has no version or purl"
        for name, each in components.items()
        if not each.get("version") or not each.get("purl", "").startswith("pkg:pypi/")
    ]
    # A wheel that was installed from a file is recorded with the folder it lay in.
    if "file://" in text:
        found.append("a folder of this machine is named")
    return found


def main(folder: Path) -> int:
    """All three; returns the exit status."""
    for old in folder.glob("ringwall-*"):
        old.unlink()
    run("-m", "build", "--outdir", str(folder))
    (wheel,) = folder.glob("*.whl")
    metadata = described(wheel)
    made = bill(wheel, metadata)
    wrong = faults(made, metadata)
    path = folder / f"ringwall-{metadata['Version']}.cdx.json"
    path.write_text(json.dumps(made, indent=2, sort_keys=True) + "\n", "utf-8")
    print("\n".join(wrong) or f"{path.name}: {len(made['components'])} components, valid")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(ROOT / "dist"))
