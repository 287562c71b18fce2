"""validate.py SCHEMA FILE...: checks that each file (each line of a .jsonl) matches docs/reference/schemas/SCHEMA.json. SCHEMA#NAME is one of its $defs."""
import json, pathlib, sys
from jsonschema import Draft202012Validator

folder = pathlib.Path(__file__).parents[2] / "docs/reference/schemas"
schema = json.loads((folder / (sys.argv[1].partition("#")[0] + ".json")).read_text())
Draft202012Validator.check_schema(schema)
if "#" in sys.argv[1]:  # SCHEMA#NAME: one of its $defs
    schema = {"$ref": "#/$defs/" + sys.argv[1].partition("#")[2], "$defs": schema["$defs"]}
failed = 0
for path in sys.argv[2:]:
    text = pathlib.Path(path).read_text()
    documents = [json.loads(line) for line in text.splitlines()] if path.endswith(".jsonl") else [json.loads(text)]
    assert documents, path + " is empty"
    for i, document in enumerate(documents):
        for error in Draft202012Validator(schema).iter_errors(document):
            failed = 1
            print(f"{path}:{i + 1}: {error.json_path}: {error.message[:300]}")
            for cause in error.context or []:
                print(f"    {cause.json_path}: {cause.message[:200]}")
sys.exit(failed)
