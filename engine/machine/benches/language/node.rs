//! The reference implementation of JSONata, on node: from `NODE_PATH` if it is there, else installed
//! in a temporary folder.

use std::path::PathBuf;
use std::process::{Command, Output};

/// The release that the language's rules were measured against.
const PACKAGE: &str = "jsonata@2";

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

/// A node that finds the package.
pub(crate) struct Node {
    /// Where it looks for packages, if not where it does anyway.
    path: Option<PathBuf>,
}

/// A node with the package, or why there is none.
pub(crate) fn find() -> Result<Node, String> {
    let as_it_is = Node { path: None };
    if as_it_is
        .run(&["require('jsonata')"])
        .map_err(|why| format!("no node: {why}"))?
        .status
        .success()
    {
        return Ok(as_it_is);
    }
    let folder = std::env::temp_dir().join("statewright-bench-jsonata");
    std::fs::create_dir_all(&folder).map_err(|why| why.to_string())?;
    let installed = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--prefix"])
        .arg(&folder)
        .arg(PACKAGE)
        .output()
        .map_err(|why| format!("the package is not there, nor npm: {why}"))?;
    if !installed.status.success() {
        return Err(format!("npm does not install {PACKAGE}; NODE_PATH may name where it is"));
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

    /// Microseconds of one evaluation with this item as `$states.input`.
    pub(crate) fn each(&self, text: &str, item: &str, count: u32) -> Result<f64, String> {
        let count = count.to_string();
        let output = self.run(&[SCRIPT, text, item, &count]).map_err(|why| why.to_string())?;
        let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        printed.parse().map_err(|_| String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
