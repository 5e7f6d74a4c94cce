#!/usr/bin/env python3
"""Makes the compact table of AWS's services out of an installed botocore (Apache-2.0).

    python3 -m venv target/botocore
    target/botocore/bin/pip install botocore zstandard
    target/botocore/bin/pip install --no-deps --target target/botocore/older botocore==1.35.99
    target/botocore/bin/python engine/aws/generate.py engine/aws \\
        --older target/botocore/older/botocore/data

writes OUT/aws.bin ("AWS1", length of the index as u32 little-endian, the index, then one zstd
frame for each service) and, with --jsonl, OUT/aws.jsonl (the same as text, one service a line:
what a review of a new version compares), and prints figures. `--older` names the data of an older
botocore: services that AWS has closed since stay known, so that a machine that names one is read
as before. The same versions give the same bytes. The index is JSON:
{"botocore": version, "partitions": [[id, its regions as a regular expression, {s}, {d}], …],
"services": [[name, bytes of its text, bytes of its frame], …]}.

A service is one JSON array; everything in it is positional:

  [name, prefix, protocol, signing, api_version, target, xml, host, operations, shapes, id]

  name       as in `aws-sdk:NAME:…`           prefix   what its error names begin with
  id         as in AWS_ENDPOINT_URL_ID (upper case, "_" for blanks)
  protocol   json1.0 json1.1 rest-json rest-xml query ec2 cbor
  host       [endpoint prefix, {"*", partition or region: host}, {the same: signing region}]; where the
             first map says nothing the host is `PREFIX.{r}.{s}`, and the signing region `{r}`;
             {r} region, {s} and {d} the partition's DNS suffix and its dual-stack one
  operations [[Name, method, uri, input, output, [error, …], flags], …]; 0 stands for "none"
  flags      a unsigned · h host prefix · c checksum required · n, x root element of the request and
             its namespace · w wrapper of the answer · z not callable from a state machine (AWS)
  error      Name, or [code on the wire, name in a state machine] where they differ
  shapes     numbers below 16 are scalars (SCALARS); 16 + i is shapes[i]:
             ["L", element, wire name, flattened]   ["M", key, value, key name, value name, flattened]
             ["S", member, …]  a member is [name, shape] or [name, shape, {what is special}]

What is special about a member: n wire name · l location (h header, H headers, q query string,
u URI, s status code) · f flattened · a XML attribute · x XML namespace ("PREFIX URI") · t timestamp format ·
i idempotency token · j JSON in a header · p payload · b body as it is (not JSON, not XML) ·
N name in a state machine where `asl_name` does not give it · r required ·
o of state machines only: part of another member's value.

["V", scalar, {"min", "max", "enum"}] is a scalar with limits.
Otherwise the name a state machine uses is not stored: it follows from the member's name.
"""

import argparse
import json
import os
import re
import struct
import sys
import time
from collections import Counter

import botocore
from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import Loader

SCALARS = {"string": 1, "integer": 2, "long": 3, "float": 4, "double": 5, "boolean": 6, "blob": 7,
           "timestamp": 8, "document": 9}
TIMES = {"iso8601": "i", "rfc822": "r", "unixTimestamp": "u"}
LOCATIONS = {"header": "h", "headers": "H", "querystring": "q", "uri": "u", "statusCode": "s"}
PROTOCOLS = ("json", "rest-json", "query", "rest-xml", "ec2", "smithy-rpc-v2-cbor")

# What AWS documents as not callable (operation names), beside everything with an event stream.
EXCLUDED = {
    "applicationdiscovery": {"DescribeExportConfigurations", "ExportConfigurations"},
    "codedeploy": {"BatchGetDeploymentInstances", "GetDeploymentInstance",
                   "ListDeploymentInstances", "SkipWaitTimeForInstanceTermination"},
    "comprehendmedical": {"DetectEntities"},
    "dataexchange": {"SendApiAsset"},
    "directconnect": {"AllocateConnectionOnInterconnect", "DescribeConnectionLoa",
                      "DescribeConnectionsOnInterconnect", "DescribeInterconnectLoa"},
    "efs": {"CreateTags"},
    "elastictranscoder": {"TestRole"},
    "emr": {"DescribeJobFlows"},
    "iot": {"AttachPrincipalPolicy", "ListPrincipalPolicies", "DetachPrincipalPolicy",
            "ListPolicyPrincipals"},
    "iotdeviceadvisor": {"ListTestCases"},
    "lambda": {"InvokeAsync"},
    "mediapackage": {"RotateChannelCredentials"},
    "rdsdata": {"ExecuteSql"},
    "shield": {"DeleteSubscription"},
    "sts": {"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"},
}


# ---- names: as AWS's SDK for Java 2 spells them, which is what Step Functions shows ------------

def words(text):
    text = re.sub(r"[^A-Za-z0-9]+", " ", text)
    text = re.sub(r"([^a-z]{2,})v([0-9]+)", r"\1 v\2 ", text)
    text = re.sub(r"([^A-Z]{2,})V([0-9]+)", r"\1 V\2 ", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])", " ", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", text)
    text = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", text)
    return text.split()


def pascal(text):
    return "".join(word.lower().capitalize() for word in words(text))


def service_prefix(service_id):
    name = pascal(service_id)
    for lead in ("Amazon", "Aws"):
        name = name.removeprefix(lead)
    return name.removesuffix("Service")


def lower_first(name):
    """Lower-cases the first letter, or a leading acronym up to its last letter."""
    end = 1
    while end < len(name) and name[end].isupper() and not name[end + 1:end + 2].islower():
        end += 1
    return name[:end].lower() + name[end:]


def asl_name(member):
    """The member as a state machine spells it."""
    name = lower_first(member)
    return name[0].upper() + name[1:]


# Members that cannot be methods in Java get `Value` at their end: `Equals` becomes `EqualsValue`.
RESERVED = set("""
abstract assert boolean break byte case catch char class const continue default do double else enum
extends false final finally float for goto if implements import instanceof int interface long native
new null package private protected public return short static strictfp super switch synchronized this
throw throws transient true try void volatile while
""".split())
RESERVED_METHODS = set("""equals finalize getClass hashCode notify notifyAll toString wait builder
sdkFields toBuilder overrideConfiguration sdkHttpResponse""".split())


# Members that AWS's SDK for Java renames by hand (its `emitPropertyName`), by prefix and shape.
RENAMED = {("DynamoDb", "AttributeValue", "NULL"): "Nul",
           ("DynamoDbStreams", "AttributeValue", "NULL"): "Nul",
           ("Ec2", "Image", "Public"): "PublicLaunchPermissions",
           ("Ec2", "FpgaImage", "Public"): "IsPublic"}

# What AWS's SDK for Java takes beside `CopySource`, `Bucket` and `Key`, none of which is then required.
COPY_OBJECT = ["SourceBucket", "SourceKey", "SourceVersionId", "DestinationBucket", "DestinationKey"]


def reserved(member):
    name = lower_first(member)
    return name.lower() in RESERVED or name in RESERVED_METHODS


def is_token(member, model, required):
    """Whether the engine makes a value up where none is given, so that a repeated call is seen as one.

    Some models mark an identifier of something that is there already; nothing is to be made up for
    these. CodeBuild's tokens are not marked.
    """
    if member.lower() == "idempotencytoken":
        return True
    telling = re.search("token|request|reference|operation", member, re.IGNORECASE)
    return bool(model.get("idempotencyToken")) and (telling is not None or not required)


def error_name(shape):
    stem = shape.removesuffix("Fault") if shape.endswith("Fault") else shape.removesuffix("Exception")
    return pascal(stem) + "Exception"


# ---- one service ------------------------------------------------------------------------------

class Service:
    def __init__(self, model, prefix):
        self.prefix = prefix
        self.given = model["shapes"]
        self.numbers = {}
        self.shapes = []
        self.protocol = next(p for p in PROTOCOLS
                             if p in model["metadata"].get("protocols", [model["metadata"]["protocol"]]))

    def number(self, name):
        """The number of a shape, made on first sight; equal lists and maps share one."""
        if name in self.numbers:
            return self.numbers[name]
        shape = self.given[name]
        kind = "document" if shape.get("document") else shape["type"]
        if kind in SCALARS:
            limits = self.limits(shape)
            if not limits:
                return SCALARS[kind]
            return self.add(name, ["V", SCALARS[kind], limits])
        place = self.numbers[name] = 16 + len(self.shapes)
        self.shapes.append(None)
        self.shapes[place - 16] = self.compound(kind, name, shape)
        return place

    def add(self, name, entry):
        self.numbers[name] = 16 + len(self.shapes)
        self.shapes.append(entry)
        return self.numbers[name]

    @staticmethod
    def limits(shape):
        limits = {k: shape[k] for k in ("min", "max") if k in shape}
        if "enum" in shape:
            limits["enum"] = shape["enum"]
        return limits

    def compound(self, kind, shape_name, shape):
        if kind == "list":
            entry = ["L", self.number(shape["member"]["shape"]),
                     shape["member"].get("locationName", 0), int(bool(shape.get("flattened")))]
        elif kind == "map":
            entry = ["M", self.number(shape["key"]["shape"]), self.number(shape["value"]["shape"]),
                     shape["key"].get("locationName", 0), shape["value"].get("locationName", 0),
                     int(bool(shape.get("flattened")))]
        else:
            required, extra = set(shape.get("required", ())), []
            if (self.prefix, shape_name) == ("S3", "CopyObjectRequest"):
                required, extra = set(), [[name, SCALARS["string"], {"o": 1}] for name in COPY_OBJECT]
            return ["S"] + [self.member(shape_name, shape, name, member, name in required)
                            for name, member in shape.get("members", {}).items()] + extra
        while entry[-1] == 0 and len(entry) > 2:
            entry.pop()
        return entry

    def member(self, parent_name, parent, name, member, required):
        shape = self.given[member["shape"]]
        special = {}
        renamed = RENAMED.get((self.prefix, parent_name, name))
        if renamed or reserved(name):
            special["N"] = renamed or asl_name(name) + "Value"
        wire = member.get("queryName") if self.protocol == "ec2" else None
        wire = wire or member.get("locationName") or shape.get("locationName")
        if wire and wire != name:
            special["n"] = wire
        if "location" in member:
            special["l"] = LOCATIONS[member["location"]]
        if member.get("flattened"):
            special["f"] = 1
        if member.get("xmlAttribute"):
            special["a"] = 1
        for holder in (member, shape):
            if "xmlNamespace" in holder:
                namespace = holder["xmlNamespace"]
                if isinstance(namespace, dict):
                    namespace = " ".join(filter(None, (namespace.get("prefix"), namespace["uri"])))
                special["x"] = namespace
            if "timestampFormat" in holder:
                special["t"] = TIMES[holder["timestampFormat"]]
        if is_token(name, member, required):
            special["i"] = 1
        if member.get("jsonvalue"):
            special["j"] = 1
        if parent.get("payload") == name:
            special["p"] = 1
            if member.get("streaming") or shape.get("streaming") or shape["type"] in ("blob", "string"):
                special["b"] = 1
        if required:
            special["r"] = 1
        entry = [name, self.number(member["shape"])]
        return entry + [special] if special else entry

    def errors(self, operation):
        found = []
        for error in operation.get("errors", ()):
            name = error["shape"]
            code = self.given[name].get("error", {}).get("code", name)
            name = error_name(name)
            found.append(name if code == name else [code, name])
        return found

    def event_stream(self, operation):
        for side in ("input", "output"):
            members = self.given[operation[side]["shape"]].get("members", {}) if side in operation else {}
            if any(self.given[m["shape"]].get("eventstream") for m in members.values()):
                return True
        return False

    def operation(self, operation, excluded):
        flags = {"z": 1} if operation["name"] in excluded else {}
        if operation.get("authtype") == "none" or "smithy.api#noAuth" in operation.get("auth", ()):
            flags["a"] = 0
        if operation.get("endpoint", {}).get("hostPrefix"):
            flags["h"] = operation["endpoint"]["hostPrefix"]
        if operation.get("httpChecksumRequired") or operation.get("httpChecksum", {}).get("requestChecksumRequired"):
            flags["c"] = 1
        request, answer = operation.get("input", {}), operation.get("output", {})
        if "locationName" in request:
            flags["n"] = request["locationName"]
        if "xmlNamespace" in request:
            flags["x"] = request["xmlNamespace"]["uri"]
        if "resultWrapper" in answer:
            flags["w"] = answer["resultWrapper"]
        http = operation.get("http", {})
        uri = http.get("requestUri", "/")
        # CloudFront ends its names with the version of its API; no SDK shows that.
        name = re.sub(r"\d{4}_\d{2}_\d{2}$", "", operation["name"])
        entry = [name, http.get("method", "POST"), 0 if uri == "/" else uri,
                 self.number(operation["input"]["shape"]) if "input" in operation else 0,
                 self.number(operation["output"]["shape"]) if "output" in operation else 0,
                 self.errors(operation)]
        return entry + [flags] if flags else entry


def encode(model, host):
    meta = model["metadata"]
    prefix = service_prefix(meta["serviceId"])
    service = Service(model, prefix)
    excluded = EXCLUDED.get(prefix.lower(), ())
    operations = [service.operation(op, excluded) for _, op in sorted(model["operations"].items())
                  if not service.event_stream(op)]
    protocol = {"json": "json" + meta.get("jsonVersion", "1.1"), "smithy-rpc-v2-cbor": "cbor"}
    return [prefix.lower(), prefix, protocol.get(service.protocol, service.protocol),
            meta.get("signingName", meta["endpointPrefix"]), meta["apiVersion"],
            meta.get("targetPrefix", 0), meta.get("xmlNamespace", 0), host, operations, service.shapes,
            meta["serviceId"]]


# ---- hosts: the endpoint rules, evaluated for every region, and only what differs kept ---------

class Hosts:
    def __init__(self, loader):
        self.loader = loader
        self.partitions = loader.load_data("partitions")
        self.regions = [(region, part) for part in self.partitions["partitions"] for region in part["regions"]
                        if not region.endswith("-global")]

    def of(self, folder, endpoint_prefix):
        rules = self.loader.load_service_model(folder, "endpoint-rule-set-1")
        provider = EndpointProvider(rules, self.partitions)
        defaults = {k: v["default"] for k, v in rules["parameters"].items() if "default" in v}
        found = {}
        for region, part in self.regions:
            given = {**defaults, "Region": region}
            for name, value in (("ServiceType", "Control"), ("ApiType", "ControlPlane")):
                if name in rules["parameters"]:
                    given[name] = value
            try:
                endpoint = provider.resolve_endpoint(**given)
            except Exception:
                found[region] = (part["id"], None, "{r}")  # not there, or it needs more than a region
                continue
            outputs = part["outputs"]
            host = endpoint.url.removeprefix("https://").replace(region, "{r}")
            for suffix, sign in ((outputs["dnsSuffix"], "{s}"), (outputs["dualStackDnsSuffix"], "{d}")):
                if host.endswith(suffix):
                    host = host[:-len(suffix)] + sign
            schemes = endpoint.properties.get("authSchemes") or [{}]
            signing = schemes[0].get("signingRegion", region)
            found[region] = (part["id"], host, "{r}" if signing == region else signing)
        plain = endpoint_prefix + ".{r}.{s}"
        return [self.fold(found, 1, plain), self.fold(found, 2, "{r}")]

    @staticmethod
    def fold(found, column, usual):
        """{} if all are as usual; else "*", partitions, and regions, the more special the later."""
        rest, folded = dict(found), {}
        common = Counter(v[column] for v in found.values()).most_common(1)[0][0]
        if common != usual:
            folded["*"] = common
        for part in sorted({v[0] for v in found.values()}):
            inside = Counter(v[column] for v in found.values() if v[0] == part).most_common(1)[0][0]
            if inside != common:
                folded[part] = inside
        for region, value in rest.items():
            if value[column] != folded.get(value[0], common):
                folded[region] = value[column]
        return folded


# ---- the file ----------------------------------------------------------------------------------

def read(loader, folders):
    """The services of these folders by name; none that Signature Version 4 does not sign."""
    hosts, services = Hosts(loader), {}
    for folder in folders:
        model = loader.load_service_model(folder, "service-2")
        if model["metadata"]["signatureVersion"] in ("v2", "bearer"):
            continue  # SimpleDB, Import/Export and the like
        prefix = model["metadata"]["endpointPrefix"]
        entry = encode(model, [prefix, *hosts.of(folder, prefix)])
        services[entry[0]] = entry
    return services


def folders_of(root):
    return {d for d in os.listdir(root) if os.path.isdir(os.path.join(root, d))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out")
    parser.add_argument("--older", help="the data of an older botocore")
    parser.add_argument("--only", help="these botocore folders")
    parser.add_argument("--jsonl", action="store_true")
    args = parser.parse_args()
    import zstandard

    begun = time.time()
    loader, root = Loader(), os.path.join(os.path.dirname(botocore.__file__), "data")
    present = folders_of(root)
    services = {}
    if args.older:
        older = Loader(extra_search_paths=[args.older], include_default_search_paths=False)
        services = read(older, sorted(folders_of(args.older) - present))
    services.update(read(loader, args.only.split(",") if args.only else sorted(present)))
    names = sorted(services)
    texts = [json.dumps(services[n], separators=(",", ":"), ensure_ascii=False).encode() for n in names]

    packer = zstandard.ZstdCompressor(level=19)
    frames = [packer.compress(text) for text in texts]
    partitions = [[p["id"], p["regionRegex"], p["outputs"]["dnsSuffix"], p["outputs"]["dualStackDnsSuffix"]]
                  for p in loader.load_data("partitions")["partitions"]]
    index = json.dumps({"botocore": botocore.__version__, "partitions": partitions,
                        "services": [[n, len(t), len(f)] for n, t, f in zip(names, texts, frames)]},
                       separators=(",", ":")).encode()
    os.makedirs(args.out, exist_ok=True)
    with open(os.path.join(args.out, "aws.bin"), "wb") as file:
        file.write(b"AWS1" + struct.pack("<I", len(index)) + index + b"".join(frames))
    if args.jsonl:
        with open(os.path.join(args.out, "aws.jsonl"), "wb") as file:
            file.writelines(text + b"\n" for text in texts)

    total = sum(map(len, texts))
    print(f"botocore {botocore.__version__}: {len(names)} services, "
          f"{sum(len(s[8]) for s in services.values())} operations, "
          f"{sum(len(s[9]) for s in services.values())} shapes; {time.time() - begun:.1f} s")
    print("protocols", dict(Counter(s[2] for s in services.values())))
    print(f"JSON {total:,} B; index {len(index):,} B; frames {sum(map(len, frames)):,} B; "
          f"file {os.path.getsize(os.path.join(args.out, 'aws.bin')):,} B")
    biggest = sorted(zip(map(len, texts), map(len, frames), names), reverse=True)[:5]
    print("largest", [(n, t, f) for t, f, n in biggest])


if __name__ == "__main__":
    sys.exit(main())
