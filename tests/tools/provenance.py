"""Whether a lab calls measured what is fitted, simulated or computed by a law: read from its code.

A value is followed from where it comes from (`ORIGINS`) through names, containers, functions and
arithmetic to where the lab says that it was measured. Dicts are followed by their constant keys, so
a row of a table may hold both. What measures (`MEASURING`) hands back measured values, whatever it
is given. Nothing runs.
"""

import ast
from collections import defaultdict

FITS = ("polyfit", "nnls", "curve_fit", "lstsq", "linregress", "minimize")
SIMULATIONS = ("simulate", "replay", "bubble", "makespan", "finish_time", "simulate_expiry", "play")
SIMULATIONS += ("simulate_day", "draw_bills", "against_simulator")
FORMULAS = ("standard_error", "sample_size", "stratified_error", "row_group_error", "ring_seconds")
FORMULAS += ("lost_time", "best_interval", "pipeline_bubble", "rank_bytes")
FORMULAS += ("che_lru", "best_static_hit_ratio", "ttl_hit_ratio", "stale_share", "distinct")
FORMULAS += ("drf", "share_idle", "split_batch")
FORMULAS += ("bill", "peak_workers", "break_even", "tornado")
FORMULAS += ("bytes_per_entity", "fan_out_percentile", "busiest_shard", "zipf_share")
ORIGINS = dict.fromkeys(FITS, "fitted") | dict.fromkeys(SIMULATIONS, "simulated")
ORIGINS |= dict.fromkeys(FORMULAS, "computed")
MEASURING = ("measure.", "disk.", "ranks.", "service.", "traffic.", "time.", "lab.")
CHANGES = ("append", "extend", "update", "add", "insert", "setdefault")
UNKNOWN = ast.Set([])
BLOCKS = ("body", "orelse", "handlers", "finalbody")


def mislabelled(cells):
    """Sentences about the cells, {name: syntax tree}, that call measured what is not."""
    reader = Reader()
    for name, tree in cells.items():
        reader.cell = name
        reader.run(tree.body)
    return list(reader.problems)


def joined(values):
    """One value of several: {constant key, or None: the words that it has besides measured}."""
    result = defaultdict(frozenset)
    for value in values:
        for key, words in value.items():
            result[key] |= words
    return dict(result)


def words(value, key=None):
    """The words of one key of a value, or of all of it."""
    return value[key] if key in value and key is not None else frozenset().union(*value.values())


def constant(node):
    """The text that a node is, or None."""
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if is_text else None


class Reader:
    """What each name of the notebook holds, cell by cell."""

    def __init__(self):
        self.cell = ""
        self.names = {}
        self.functions = {}
        self.nodes = {}
        self.returned = []
        self.running = []
        self.problems = {}

    def run(self, statements):
        for statement in statements:
            read = getattr(self, f"run_{type(statement).__name__}", self.run_other)
            read(statement)

    def run_Import(self, statement):
        for alias in statement.names:
            word = ORIGINS.get(alias.name)
            self.names[alias.asname or alias.name] = {None: frozenset([word])} if word else {}

    run_ImportFrom = run_Import

    def run_FunctionDef(self, statement):
        self.functions[statement.name] = statement

    def run_Return(self, statement):
        self.returned.append(self.value(statement.value))

    def run_Assign(self, statement):
        value = self.value(statement.value)
        for target in statement.targets:
            self.bind(target, value, statement.value)

    def run_AugAssign(self, statement):
        self.change(statement.target, self.value(statement.value))

    def run_For(self, statement):
        self.bind(statement.target, self.value(statement.iter))
        for _ in range(2):
            self.run(statement.body)
        self.run(statement.orelse)

    def run_If(self, statement):
        before = dict(self.names)
        self.run(statement.body)
        after = self.names
        self.names = before
        self.run(statement.orelse)
        for name in {*after, *before}:
            self.names[name] = joined([after.get(name, {}), before.get(name, {})])

    def run_With(self, statement):
        for item in statement.items:
            value = self.value(item.context_expr)
            if item.optional_vars:
                self.bind(item.optional_vars, value)
        self.run(statement.body)

    def run_other(self, statement):
        for field, part in ast.iter_fields(statement):
            if field in BLOCKS:
                self.run(part)
            elif isinstance(part, ast.expr):
                self.value(part)

    def bind(self, target, value, node=None):
        """Give a name, or each name of several, its value; node is the expression it is from."""
        if isinstance(target, ast.Name):
            self.names[target.id] = value
            self.functions.pop(target.id, None)
            self.nodes[target.id] = node
        elif isinstance(target, ast.Tuple | ast.List):
            timed = isinstance(node, ast.Call) and ast.unparse(node.func) == "measure.timed"
            for number, element in enumerate(target.elts):
                part = value
                if timed and number == 0:  # the result of what was timed, beside its seconds
                    part = joined(map(self.value, node.args))
                elif isinstance(node, ast.Tuple):
                    part = self.value(node.elts[number])
                self.bind(element, part)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, value)
        else:
            self.change(target, value)

    def change(self, target, value):
        """Add a value to those that a name holds: `rows += …`, `row["a"] = …`, `rows.append(…)`."""
        key = constant(target.slice) if isinstance(target, ast.Subscript) else None
        while isinstance(target, ast.Subscript | ast.Attribute):
            target = target.value
        if isinstance(target, ast.Name):
            value = {key: words(value)} if key else value
            self.names[target.id] = joined([self.names.get(target.id, {}), value])

    def value(self, node):
        read = getattr(self, f"value_{type(node).__name__}", self.value_other)
        return read(node)

    def value_other(self, node):
        parts = list(ast.iter_child_nodes(node)) if node else []
        return joined([self.value(part) for part in parts if isinstance(part, ast.expr)])

    def value_Name(self, node):
        if node.id in self.functions:
            return self.called(self.functions[node.id], [])
        return self.names.get(node.id, {})

    def value_Attribute(self, node):
        word = ORIGINS.get(node.attr)
        if ast.unparse(node.value) == "laws":
            word = "fitted" if node.attr.startswith("fit") else "computed"
        return joined([self.value(node.value), {None: frozenset([word])} if word else {}])

    def value_Subscript(self, node):
        value = self.value(node.value)
        key = constant(node.slice)
        return {None: words(value, key)} if key else value

    def value_Compare(self, node):
        self.value_other(node)
        return {}

    value_JoinedStr = value_Compare

    def value_Dict(self, node):
        parts = []
        for key, part in zip(node.keys, node.values, strict=True):
            value = self.value(part)
            parts.append({constant(key): words(value)} if constant(key) is not None else value)
        return joined(parts)

    def value_ListComp(self, node):
        before = dict(self.names)
        for generator in node.generators:
            self.bind(generator.target, self.value(generator.iter))
        value = self.value(node.value if isinstance(node, ast.DictComp) else node.elt)
        self.names = before
        return value

    value_SetComp = value_ListComp
    value_GeneratorExp = value_ListComp
    value_DictComp = value_ListComp

    def value_Lambda(self, node):
        return self.value(node.body)

    def value_Call(self, node):
        values = [self.value(part) for part in [*node.args, *(k.value for k in node.keywords)]]
        name = ast.unparse(node.func)
        self.judge(node, name)
        if name.startswith(MEASURING) and name.split(".")[-1] not in ORIGINS:
            return {}
        if name in self.functions:
            return self.called(self.functions[name], values)
        if isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
            self.change(node.func.value, joined(values))
        return joined([self.value(node.func), *values])

    def called(self, function, values):
        """What a function of the notebook returns when it is given these values."""
        if function in self.running:
            return {}
        names = dict(self.names)
        outer = self.returned
        self.returned = []
        self.running.append(function)
        parameters = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        for number, parameter in enumerate(parameters):
            self.names[parameter.arg] = values[number] if number < len(values) else {}
        self.run(function.body)
        self.running.pop()
        result = joined(self.returned)
        self.returned = outer
        self.names = names
        return result

    def judge(self, call, name):
        """Note what is wrong with a call that says where its numbers are from."""
        short = name.removeprefix("lab.").removeprefix("plots.")
        if short == "measured":
            self.note(call, self.argument(call, 0, "value"), {None: "measured"})
        elif short == "compare":
            said = self.words_said(self.argument(call, 2, "source"))
            self.note(call, self.argument(call, 1, "result"), said)
        elif short == "Series":
            said = self.words_said(self.argument(call, 3, "kind"))
            self.note(call, self.argument(call, 2, "y"), said)
        elif short == "bars":
            said = self.words_said(self.argument(call, 3, "kind"))
            self.note(call, self.argument(call, 0, "groups"), said)
        elif short == "keep":
            for keyword in call.keywords:
                parts = getattr(keyword.value, "elts", [])
                said = constant(parts[2]) if len(parts) > 2 else "measured"
                self.note(call, keyword.value, {None: said})
        elif short == "table":
            sources = self.argument(call, 2, "sources")
            said = self.words_said(sources) if sources else {}
            self.note(call, self.argument(call, 0, "rows"), said)

    def argument(self, call, place, name):
        """The argument of this place or name: a node, None where there is none."""
        for keyword in call.keywords:
            if keyword.arg == name:
                return keyword.value
            options = self.node(keyword.value) if keyword.arg is None else None
            if isinstance(options, ast.Dict):
                inside = dict(zip(map(constant, options.keys), options.values, strict=True))
                if name in inside:
                    return inside[name]
        places = []
        for node in call.args:  # a starred argument stands for x and y, or for a name's x, y, kind
            unknown = isinstance(node, ast.Starred) and isinstance(node.value, ast.Name)
            places += [node] * (1 + isinstance(node, ast.Starred)) + [UNKNOWN] * unknown
        return places[place] if place < len(places) else None

    def node(self, node):
        """The expression that a name was last given; any other expression is itself."""
        return self.nodes.get(node.id) if isinstance(node, ast.Name) else node

    def words_said(self, node):
        """The words that an argument gives: {column, or None for all: word}; {} if unclear."""
        node = self.node(node)
        if node is None or constant(node):
            return {None: constant(node) or "measured"}
        if isinstance(node, ast.Dict):
            words_of = map(constant, node.values)
            return dict(zip(map(constant, node.keys), words_of, strict=True))
        if isinstance(node, ast.BinOp):
            return self.words_said(node.left) | self.words_said(node.right)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "dict.fromkeys":
            names = self.node(node.args[0])
            keys = getattr(names, "keys", getattr(names, "elts", []))
            return dict.fromkeys(map(constant, keys) if keys else [None], constant(node.args[1]))
        return {}

    def note(self, call, node, said):
        """Note what a call says is measured and is not."""
        for key, word in said.items():
            found = words(self.value(node), key)
            if word == "measured" and found:
                what = f"{ast.unparse(node)}[{key!r}]" if key else ast.unparse(node)
                says = f"{ast.unparse(call.func)} calls {what} measured"
                source = " and ".join(sorted(found))
                self.problems[f"cell {self.cell}: {says}; it is {source}"] = True
