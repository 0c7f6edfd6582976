"""The table of layers for the documentation, from their declarations: `python -m realtime.layers.table`."""

from dataclasses import fields

from realtime.layers import LAYERS, Layer

# Not what a layer can do, but how it is set up.
SETTING_UP = {"name", "backend", "config", "apps", "databases", "closed_by"}


def table() -> str:
    able = [field.name for field in fields(Layer) if field.name not in SETTING_UP]
    rows = [
        ["", *(f"`{name}`" for name in LAYERS)],
        ["---", *("---" for _ in LAYERS)],
        *([name.replace("_", " "), *(_said(getattr(layer, name)) for layer in LAYERS.values())] for name in able),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _said(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    print(table())
