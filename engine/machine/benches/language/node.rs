//! What others do on node: the reference implementation of JSONata, and a validator of definitions; from
//! `NODE_PATH` if they are there, else installed in a temporary folder.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A package of node's.
#[derive(Clone, Copy)]
pub(crate) struct Package {
    name: &'static str,
    release: &'static str,
}

/// The reference implementation, in the release that the language's rules were measured against.
pub(crate) const JSONATA: Package = Package { name: "jsonata", release: "jsonata@2" };

/// The validator of definitions that most install.
pub(crate) const VALIDATOR: Package = Package { name: "asl-validator", release: "asl-validator@4" };

/// Evaluates an expression as often as it is told, and prints the microseconds of one evaluation.
const SCRIPT: &str = r"
    const jsonata = require('jsonata');
    const [text, item, count] = process.argv.slice(1);
    const input = JSON.parse(item);
    const expression = jsonata(text);
    const run = async () => {
        const began = process.hrtime.bigint();
        for (let i = 0; i < Number(count); i++) {
            await expression.evaluate(undefined, { states: { input } });
        }
        return Number(process.hrtime.bigint() - began) / 1e3 / Number(count);
    };
    (async () => {
        let best = Infinity;
        for (let i = 0; i < 5; i++) best = Math.min(best, await run());
        console.log(best);
    })();
";

/// Validates the files of a list, and prints the milliseconds that all took, and how many are refused.
const VALIDATE: &str = r"
    const validate = require('asl-validator');
    const fs = require('fs');
    const files = fs.readFileSync(0, 'utf8').split('\n').filter(Boolean);
    let refused = 0;
    const began = process.hrtime.bigint();
    for (const file of files) {
        try {
            if (!validate(JSON.parse(fs.readFileSync(file, 'utf8'))).isValid) refused++;
        } catch { refused++; }
    }
    console.log(Number(process.hrtime.bigint() - began) / 1e6, refused);
";

/// A node that finds a package.
pub(crate) struct Node {
    /// Where it looks for packages, if not where it does anyway.
    path: Option<PathBuf>,
}

/// A node with the package, or why there is none.
pub(crate) fn find(package: Package) -> Result<Node, String> {
    let as_it_is = Node { path: None };
    if as_it_is
        .run(&[&format!("require('{}')", package.name)])
        .map_err(|why| format!("no node: {why}"))?
        .status
        .success()
    {
        return Ok(as_it_is);
    }
    let folder = std::env::temp_dir().join(format!("statewright-bench-{}", package.name));
    std::fs::create_dir_all(&folder).map_err(|why| why.to_string())?;
    let installed = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--prefix"])
        .arg(&folder)
        .arg(package.release)
        .output()
        .map_err(|why| format!("the package is not there, nor npm: {why}"))?;
    if !installed.status.success() {
        return Err(format!(
            "npm does not install {}; NODE_PATH may name where it is",
            package.release
        ));
    }
    Ok(Node { path: Some(folder.join("node_modules")) })
}

impl Node {
    /// Runs a script with its arguments.
    fn run(&self, script: &[&str]) -> std::io::Result<Output> {
        let mut command = Command::new("node");
        if let Some(path) = &self.path {
            command.env("NODE_PATH", path);
        }
        command.arg("-e").args(script).output()
    }

    /// Milliseconds to validate these files, and how many it refuses.
    pub(crate) fn validate(&self, files: &[PathBuf]) -> Result<(f64, usize), String> {
        let list: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let mut command = Command::new("node");
        if let Some(path) = &self.path {
            command.env("NODE_PATH", path);
        }
        command.args(["-e", VALIDATE]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|why| why.to_string())?;
        let mut stdin = child.stdin.take().ok_or("node has no standard input")?;
        stdin.write_all(list.join("\n").as_bytes()).map_err(|why| why.to_string())?;
        drop(stdin);
        let output = child.wait_with_output().map_err(|why| why.to_string())?;
        let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let figures = printed
            .split_once(' ')
            .and_then(|(took, refused)| Some((took.parse().ok()?, refused.parse().ok()?)));
        figures.ok_or_else(|| format!("it printed `{printed}`"))
    }

    /// Microseconds of one evaluation with this item as `$states.input`.
    pub(crate) fn each(&self, text: &str, item: &str, count: u32) -> Result<f64, String> {
        let count = count.to_string();
        let output = self.run(&[SCRIPT, text, item, &count]).map_err(|why| why.to_string())?;
        let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        printed.parse().map_err(|_| String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
