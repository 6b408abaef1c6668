//! Policies of users: what a file denies is found under every name that the code gives it.

use policy::{Policy, check, explain};
use protocol::{FindingKind, Language};

const NO_SYSTEM: &str = "
unresolved = \"deny\"
[calls]
deny = [\"os.system\", \"subprocess\"]
[attributes]
deny = [\"secret\"]
";

/// There is no parser for R: what a policy denies it might do.
#[test]
fn code_in_r_runs_only_where_nothing_is_denied() {
    for (text, denied, told) in [
        ("extends = \"open\"", false, 0),
        ("extends = \"standard\"", false, 1),
        ("extends = \"strict\"", true, 1),
        (NO_SYSTEM, true, 1),
        ("extends = \"open\"\n[calls]\ndeny = [\"system\"]", true, 1),
        ("extends = \"open\"\nshell = \"deny\"", true, 1),
        ("extends = \"open\"\nforbidden = \"advise\"\n[calls]\ndeny = [\"system\"]", false, 0),
    ] {
        let verdict = check(&Policy::from_toml("own", text).unwrap(), Language::R, "mean(1)");
        assert_eq!((verdict.denied, verdict.findings.len()), (denied, told), "{text}: {verdict:?}");
    }
}

fn rules(policy: &Policy, code: &str) -> Vec<String> {
    check(policy, Language::Python, code).findings.into_iter().map(|found| found.rule).collect()
}

#[test]
fn a_denied_function_is_found_under_every_name() {
    let policy = Policy::from_toml("no-system", NO_SYSTEM).unwrap();
    for code in [
        "import os\nos.system('id')",
        "import os as o\no.system('id')",
        "from os import *\nsystem('id')",
        "from os import system as s\ns('id')",
        "import os\nx = y = os\ny.system('id')",
        "import os\n(m := os).system('id')",
        "import os\n[os][0].system('id')",
        "import os\n{'a': os}['a'].system('id')",
        "import os\n{'a': os}.get('a').system('id')",
        "import os\n(lambda: os)().system('id')",
        "import os\n(os if 1 else None).system('id')",
        "import os\n(None or os).system('id')",
        "import os\nfor m in (os,):\n    m.system('id')",
        "import os\n[m.system('id') for m in [os]]",
        "import os\na, b = 1, os\nb.system('id')",
        "import os\na, *b = 1, os\nb[0].system('id')",
        "import os\ngetattr(os, 'sys' 'tem')('id')",
        "import os\nvars(os)['system']('id')",
        "import os\nos.__dict__['system']('id')",
        "import os\nvars(os).get('system')('id')",
        "import sys\nsys.modules['os'].system('id')",
        "import sys\nsys.modules.get('os').system('id')",
        "import importlib\nimportlib.import_module('os').system('id')",
        "__import__('os').system('id')",
        "import os, operator\noperator.attrgetter('system')(os)('id')",
        "import os, operator\noperator.methodcaller('system', 'id')(os)",
        "import os, functools\nfunctools.partial(os.system, 'id')()",
        "import os\nlist(map(os.system, ['id']))",
        "import os\n@os.system\ndef f(): pass",
        "import os\ndef f(run=os.system):\n    run('id')",
        "import os\nmatch os:\n    case m:\n        m.system('id')",
        "def f():\n    return m.system('id')\nimport os as m",
        "for i in 'ab':\n    if i == 'b': m.system('id')\n    import os as m",
        "import shutil\nshutil.os.system('id')",
        "exec('import os; os.system(\"id\")')",
        "import os\nclass A:\n    run = os.system",
        "import subprocess\nsubprocess.run(['id'])",
        "/__import__('os').system 'id'",
        "%time __import__('os').system('id')",
        "get_ipython().run_cell('import os; os.system(\"id\")')",
        "get_ipython().run_line_magic('time', '__import__(\"os\").system(\"id\")')",
    ] {
        assert!(
            rules(&policy, code).contains(&"call-denied".to_owned()),
            "{code}: {:?}",
            rules(&policy, code)
        );
    }
}

#[test]
fn what_cannot_be_followed_is_said() {
    let policy = Policy::from_toml("no-system", NO_SYSTEM).unwrap();
    for code in [
        "import os\ndef f(m): m.system('id')\nf(os)",
        "import os\nf = lambda: g(os)",
        "import os\nclass A: pass\nA.m = os",
        "import os\ngetattr(os, name)('id')",
        "import os\nvars(os)[name]('id')",
        "import os\nfor f in vars(os).values(): f('id')",
        "globals()[name]('id')",
        "__import__(name)",
        "exec(code)",
        "import operator\noperator.attrgetter(name)",
        "from functools import reduce\nreduce(getattr, names, thing)",
    ] {
        assert_eq!(rules(&policy, code), ["unresolved-name"], "{code}");
        let standard = check(&Policy::default(), Language::Python, code);
        assert!(!standard.denied, "{code}");
        assert!(standard.findings.iter().all(|found| found.kind == FindingKind::Unresolved), "{code}");
    }
}

#[test]
fn what_is_not_denied_is_not_found() {
    let policy = Policy::from_toml("no-system", NO_SYSTEM).unwrap();
    for code in [
        "import os\nos.path.join('a', 'b')\nprint(os.getcwd())",
        "import os as o\nx = o.path\nx.exists('a')",
        "def system(x): return x\nsystem('id')",
        "class A:\n    def system(self): pass\nA().system()",
        "import platform\nplatform.system()",
        "vars(thing)['system']",
        "sub = {'process': 1}\nsub['process']",
    ] {
        assert_eq!(rules(&policy, code), [] as [&str; 0], "{code}");
    }
}

#[test]
fn attributes_are_denied_by_name_and_findings_may_be_advice() {
    let policy = Policy::from_toml("no-system", NO_SYSTEM).unwrap();
    for code in [
        "x.secret",
        "getattr(x, 'sec' + 'ret')",
        "match x:\n    case A(secret=s): pass",
        "import operator\nlist(map(operator.attrgetter('a.secret'), xs))",
        "df.query('@x.secret')",
    ] {
        assert_eq!(rules(&policy, code), ["attribute-denied"], "{code}");
    }
    let advising = Policy::from_toml("advising", &format!("forbidden = \"advise\"\n{NO_SYSTEM}")).unwrap();
    let verdict = check(&advising, Language::Python, "x.secret");
    assert!(!verdict.denied && verdict.findings[0].kind == FindingKind::Advice);
}

#[test]
fn a_finding_says_where_and_what_instead() {
    let policy = Policy::preset("strict").unwrap();
    let verdict = check(&policy, Language::Python, "ä = 1; import os\n");
    let found = &verdict.findings[0];
    let span = (found.span.line, found.span.column, found.span.end_line, found.span.end_column);
    assert_eq!((found.rule.as_str(), span), ("import-not-allowed", (1, 15, 1, 17)));
    assert_eq!(found.message, "os is not among the modules that may be used");
    let hint = found.hint.as_deref().unwrap();
    assert!(
        hint.contains("pandas") && hint.contains("open() reads files") && !hint.contains("node:"),
        "{hint}"
    );
    assert!(explain(&found.rule).is_some());
}
