"""Pages and pictures of family trees: what is in them. How the page behaves in a browser, `scripts/pages.py check` tries."""

import json
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

import pedigrad as torch
from pedigrad import graph_page, nn
from pedigrad.cli import main
from pedigrad.provenance.drawing import quoted
from pedigrad.provenance.graph import in_parts
from pedigrad.provenance.page import ASSETS, embedded

F = nn.functional


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Sequential(nn.Linear(3, 3), nn.Tanh()) for _ in range(4)])
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Model()


@pytest.fixture
def loss(model):
    return F.cross_entropy(model(torch.ones(2, 3)), torch.tensor([0, 1]))


def data(text):
    """The data in a page."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL).group(1))


def places(tree):
    """The places of operations in a tree, in order."""
    return [p for item in tree["items"] for p in ([item] if isinstance(item, int) else places(item))]


def test_a_page_holds_all_it_needs(loss):
    text = loss.family().html()
    assert text.startswith("<!doctype html>") and "default-src 'none'" in text
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//|@import|\bfetch\(|XMLHttpRequest""", text.replace(dagre(), ""))
    assert dagre() in text and "{{" not in text.replace(dagre(), "")


def dagre():
    return (ASSETS / "dagre.min.js").read_text().replace("//# sourceMappingURL=dagre.min.js.map", "")


def test_the_layout_library_comes_with_its_licence():
    assert "Permission is hereby granted" in (ASSETS / "dagre.LICENSE").read_text()


def test_nodes_tell_shape_dtype_module_source_and_memory(loss):
    node = data(loss.family().html())["nodes"][0]
    facts = {name: value for name, value, *_ in node["facts"]}
    assert node["title"] == "0: linear" and node["leaves"] == "input, weight, bias"
    assert (facts["shape"], facts["dtype"], facts["module"]) == ("(2, 3)", "float32", "layers.0.0 (Linear)")
    assert facts["saved"] == "24 B"
    assert [name for name, _ in node["tables"]] == ["input", "layers.0.0.weight", "layers.0.0.bias"]


def test_source_lines_come_with_three_around_them(loss):
    found = data(loss.family().html())
    ((file, line),) = found["nodes"][-1]["source"]
    lines = dict(found["files"][file]["lines"])
    assert "F.cross_entropy" in lines[line] and {*range(line - 3, line + 4)} <= {*lines}


def test_every_operation_is_in_the_tree_once_and_edges_lead_backwards(loss):
    found = data(loss.family().html())
    assert places(found["tree"]) == list(range(len(found["nodes"])))
    assert all(p < i for i, node in enumerate(found["nodes"]) for p in node["parents"])


def test_gradients_of_leaves_are_told_after_a_backward_pass(model, loss):
    rows = dict(data(loss.family().html())["nodes"][0]["tables"])["layers.0.0.weight"]
    assert ["gradient norm", "none yet", False] in rows
    loss.backward(retain_graph=True)
    rows = {name: value for name, value, *_ in dict(data(loss.family().html())["nodes"][0]["tables"])["layers.0.0.weight"]}
    assert math.isclose(float(rows["gradient norm"]), model.layers[0][0].weight.grad.norm().item(), rel_tol=1e-3)


def test_gradients_of_operations_are_told_where_they_are_asked_for(model):
    x = torch.ones(2, 3)
    h = model.layers[0](x)
    loss = model.head(h).sum()
    h.retain_grad()
    family = loss.family().with_gradients()
    loss.backward(retain_graph=True)
    facts = {name: value for name, value, *_ in data(family.html())["nodes"][1]["facts"]}
    assert math.isclose(float(facts["gradient norm"]), h.grad.norm().item(), rel_tol=1e-3)


def test_values_that_are_not_finite_are_marked(model):
    with torch.no_grad():
        model.head.weight[0, 0] = float("nan")
    loss = F.cross_entropy(model(torch.ones(2, 3)), torch.tensor([0, 1]))
    nodes = data(loss.family().html())["nodes"]
    assert [node["title"] for node in nodes if node["bad"]] == ["head: linear"]
    assert ["not finite", "1 of 6", True] in dict(nodes[-2]["tables"])["head.weight"]


def test_numbers_that_json_has_not_are_texts():
    x = torch.tensor([float("inf"), float("-inf"), float("nan")], requires_grad=True)
    found = data((x * 2).exp().family().html())
    assert ["not finite", "2 of 3", True] in found["nodes"][1]["facts"]
    assert ["not finite", "3 of 3", True] in dict(found["nodes"][0]["tables"])["x"]


def test_a_text_cannot_end_the_script_it_is_in():
    assert "</script>" not in embedded({"x": "</script><b>"}) and json.loads(embedded("</script>")) == "</script>"


def test_memory_that_is_freed_is_said(loss):
    loss.backward()
    facts = {name: value for name, value, *_ in data(loss.family().html())["nodes"][0]["facts"]}
    assert facts["saved"] == "freed by a backward pass"


def test_groups_of_many_items_come_in_parts():
    parts = in_parts(list(range(4000)))
    assert len(parts) <= 60 and parts[0]["name"] == "1 to 900"
    assert places({"items": parts}) == list(range(4000))
    assert in_parts([1, 2]) == [1, 2]


def test_a_notebook_is_given_the_page_in_a_frame(loss):
    assert loss.family()._repr_html_().startswith('<iframe srcdoc="&lt;!doctype html')


def test_a_page_is_written_where_it_is_asked_for(loss, tmp_path):
    assert (tmp_path / "page.html").write_text("") == 0
    assert loss.family().html(tmp_path / "page.html") == (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["svg", "dot", "mermaid"])
def test_a_picture_is_written_where_it_is_asked_for(loss, tmp_path, kind):
    made = getattr(loss.family(), kind)(tmp_path / "picture")
    assert (tmp_path / "picture").read_text(encoding="utf-8") == made == getattr(loss.family(), kind)()


def test_pictures_are_well_formed(loss):
    family = loss.family()
    root = ElementTree.fromstring(family.svg())
    labels = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "cross_entropy ()" in labels and "4 x layers.0…3 (Sequential) (2, 3)" in labels
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 4
    assert family.dot().count("{") == family.dot().count("}")
    assert 'n0 [label="cross_entropy ()"];' in family.dot() and " -> n0;" in family.dot()
    assert family.mermaid().startswith("flowchart LR") and " --> n0" in family.mermaid()
    assert family.mermaid().count("subgraph") == sum(line.strip() == "end" for line in family.mermaid().splitlines())


def test_pictures_quote_what_their_languages_use():
    assert quoted('a "b" \\') == '"a \\"b\\" \\\\"'


PROGRAM = """
import torch
def train():
    w = torch.ones(3, requires_grad=True)
    hidden = (w * 2).exp()
    for _ in range(3):
        loss = hidden.sum()
        loss.backward()
    print("the end")
train()
"""


@pytest.mark.parametrize(
    ("options", "first"), [([], "3 operations"), (["--tensor", "hidden"], "2 operations")], ids=["backward", "by name"]
)
def test_graph_shows_where_the_loss_of_a_program_came_from(tmp_path, options, first):
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "pedigrad", "graph", *options, "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert first in done.stdout and "the end" not in done.stdout
    assert data((tmp_path / "program.html").read_text())["nodes"][0]["title"] == "mul"


def test_graph_names_the_variables_of_a_program_that_its_backward_pass_has_ended(tmp_path):
    (tmp_path / "p.py").write_text(
        "import torch\nw = torch.ones(3, requires_grad=True)\nshift = torch.ones(3, requires_grad=True)\n"
        "loss = (w * 2 + shift).sum()\nloss.backward()\n"
    )
    command = [sys.executable, "-m", "pedigrad", "graph", "p.py"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    assert "← shift (3,)" in shown and "← w (3,)" in shown


def test_graph_says_what_it_did_not_find(tmp_path, capsys):
    assert graph_page.main("p.py", [], None, None, lambda script, args: {}) == 1
    assert "there was no backward pass" in capsys.readouterr().err
    assert graph_page.main("p.py", [], "h", str(tmp_path / "p.html"), lambda *_: {"h": torch.ones(2, requires_grad=True).exp()}) == 0
    assert (tmp_path / "p.html").exists()


def test_graph_stops_at_the_first_backward_pass_of_a_compiled_step(tmp_path, capsys):
    w, calls = torch.ones(2, requires_grad=True), []

    @torch.compile
    def step(x):
        loss = (w * x).sum()
        loss.backward()
        return loss

    def program(script, args):
        for _ in range(5):
            calls.append(step(torch.ones(2)))

    assert graph_page.main("p.py", [], None, str(tmp_path / "p.html"), program) == 0
    assert not calls and "mul (2,)" in capsys.readouterr().out


def test_graph_leaves_backward_as_it_was():
    before = torch.Tensor.backward, torch.autograd.backward
    graph_page.main("p.py", [], None, None, lambda script, args: {})
    assert (torch.Tensor.backward, torch.autograd.backward) == before


def test_options_of_graph_may_stand_behind_the_script(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr("pedigrad.graph_page.main", lambda *what: given.append(what[:4]) or 0)
    program = tmp_path / "p.py"
    program.write_text("")
    main(["graph", str(program), "--tensor", "h", "--out=x.html", "--epochs", "3"])
    main(["graph", str(program), "--", "--tensor", "h"])
    main(["graph", str(program), "3", "--tensor", "h"])
    assert given[0] == (str(program), ["--epochs", "3"], "h", "x.html")
    assert given[1] == (str(program), ["--tensor", "h"], None, None)
    assert given[2] == (str(program), ["3", "--tensor", "h"], None, None)


@pytest.mark.parametrize("options", [["graph", "--out"], ["run", "--profile"]])
def test_a_page_for_which_there_is_no_folder_is_refused_before_the_program_runs(options, tmp_path, capsys):
    program = tmp_path / "p.py"
    program.write_text("print('runs')")
    with pytest.raises(SystemExit):
        main([*options, str(tmp_path / "nowhere" / "page.html"), str(program)])
    said = capsys.readouterr()
    assert "no such folder" in said.err and "runs" not in said.out
