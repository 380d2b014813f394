"""The words of Croissant: JSON-LD that says of a data set which files it has, and what is in them.

Croissant 1.0 with its vocabulary of responsible AI, on schema.org. Written by hand: nothing here
needs a library, and a test reads it with the reference implementation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from notmnist_store.export.quality import Measured

CROISSANT = "croissant.json"

JSON = dict[str, Any]

INTEGER, TEXT, PICTURE = "cr:Int64", "sc:Text", "sc:ImageObject"

_CONTEXT: JSON = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_ENCODINGS = {
    ".arrow": "application/vnd.apache.arrow.file",
    ".csv": "text/csv",
    ".gz": "application/gzip",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".md": "text/markdown",
    ".npy": "https://numpy.org/neps/nep-0001-npy-format.html",
    ".npz": "https://numpy.org/neps/nep-0001-npy-format.html",
    ".parquet": "application/x-parquet",
    ".pickle": "https://docs.python.org/3/library/pickle.html",
    ".png": "image/png",
}


def dataset(
    name: str,
    description: str,
    version: int,
    distribution: Sequence[JSON],
    record_sets: Sequence[JSON],
    *,
    given: Mapping[str, Sequence[str]],
    measured: Sequence[Measured] = (),
    limitations: Sequence[str] = (),
) -> JSON:
    """The whole document; `given` are what people said of it: `license` and `citation`."""
    about: JSON = {
        "@context": _CONTEXT,
        "@type": "Dataset",
        "conformsTo": [
            "http://mlcommons.org/croissant/1.0",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "name": name,
        "description": description,
        "version": f"{version}.0.0",
    }
    if given["license"]:
        about["license"] = list(given["license"])
    if given["citation"]:
        about["citeAs"] = "\n\n".join(given["citation"])
    if limitations:
        about["rai:dataLimitations"] = list(limitations)
    if measured:
        about["variableMeasured"] = [_property(each) for each in measured]
    return {**about, "distribution": list(distribution), "recordSet": list(record_sets)}


def _property(measured: Measured) -> JSON:
    return {
        "@type": "PropertyValue",
        "propertyID": measured.name,
        "name": measured.title,
        "value": measured.found,
        "maxValue": measured.total,
        "unitText": measured.grain,
        "measurementTechnique": measured.command,
    }


def file_object(url: str, size: int, sha256: str) -> JSON:
    """A file; its id is its address, a path beside the document where it is no URL."""
    ending = next((kind for end, kind in _ENCODINGS.items() if url.endswith(end)), "text/plain")
    return {
        "@type": "cr:FileObject",
        "@id": url,
        "name": url.rpartition("/")[2],
        "contentUrl": url,
        "contentSize": f"{size} B",
        "encodingFormat": ending,
        "sha256": sha256,
    }


def file_set(name: str, includes: Sequence[str], description: str) -> JSON:
    """Files of one kind that one record set is read from."""
    ending = next(kind for end, kind in _ENCODINGS.items() if includes[0].endswith(end))
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "description": description,
        "encodingFormat": ending,
        "includes": list(includes),
    }


def record_set(name: str, description: str, fields: Iterable[JSON], *, key: str = "") -> JSON:
    """Records with these fields; `key` is the field that tells them apart."""
    about: JSON = {"@type": "cr:RecordSet", "@id": name, "name": name, "description": description}
    if key:
        about["key"] = {"@id": f"{name}/{key}"}
    return {**about, "field": [_in(name, field) for field in fields]}


def enumeration(name: str, kind: str, description: str, rows: Sequence[JSON]) -> JSON:
    """Records that stand in the document itself; their first field is the key."""
    fields = [
        {"name": each, "dataType": INTEGER if isinstance(value, int) else TEXT, "description": each}
        for each, value in rows[0].items()
    ]
    made = record_set(name, description, fields, key=next(iter(rows[0])))
    data = [{f"{name}/{each}": value for each, value in row.items()} for row in rows]
    return {**made, "dataType": kind, "data": data}


def column(
    of: str, name: str, data_type: str, description: str, *, json_path: str = "", file: bool = False
) -> JSON:
    """A field that is a column of a file set, or with `file` of a file."""
    source: JSON = {"fileObject" if file else "fileSet": {"@id": of}, "extract": {"column": name}}
    if json_path:
        source["transform"] = {"jsonPath": json_path}
    return {"name": name, "dataType": data_type, "description": description, "source": source}


def of_file(of: str, name: str, what: str, data_type: str, description: str) -> JSON:
    """A field that is `what` of each file of a file set: its content, its path."""
    source = {"fileSet": {"@id": of}, "extract": {"fileProperty": what}}
    return {"name": name, "dataType": data_type, "description": description, "source": source}


def split_of_file(of: str, splits: Iterable[str], before: str = "") -> JSON:
    """The field split, which the path of a file tells: its first word of these, past `before`."""
    field = of_file(of, "split", "fullpath", TEXT, "The split.")
    # Matches its own result, too: a reference may be followed by one who has taken the word.
    field["source"]["transform"] = {"regex": f"^(?:{before})?({'|'.join(splits)})(?:[/.].*)?$"}
    return {**field, "references": {"field": {"@id": "splits/name"}}}


def _in(name: str, field: JSON) -> JSON:
    return {"@type": "cr:Field", "@id": f"{name}/{field['name']}", **field}
