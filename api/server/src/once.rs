//! Samples and demo functions, deployed once: what a person has changed or deleted stays so.
//!
//! All of it happens before the node serves anybody, so nobody else changes what was looked up.

use std::collections::BTreeMap;

use axum::Router;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::demo::{self, Demo, Provided};
use crate::deploy;
use crate::marks::{Deployed, Marks};
use crate::samples::SAMPLES;

/// Deploys each sample that was never deployed: its state machine, unless the name is another's,
/// and then its schedule.
///
/// # Errors
/// The database is away, or the marks cannot be written.
pub(crate) async fn samples(router: &Router, marks: &mut Marks) -> anyhow::Result<()> {
    let mut deployed = marks.deployed().cloned().unwrap_or_default();
    for sample in SAMPLES {
        if !deployed.samples.insert(sample.name.to_owned()) {
            continue;
        }
        // A stop in the middle left it as it is here, and its schedule may be missing yet.
        if !deploy::create(router, sample.name, sample.definition).await? {
            continue;
        }
        let path = format!("/v1/schedules/{}", deploy::in_path(sample.name));
        if let Some(settings) = sample.schedule
            && deploy::find(router, &path).await?.is_none()
        {
            deploy::schedule(router, sample.name, settings).await?;
        }
    }
    marks.write(deployed)
}

/// Takes those of these names that are samples' for deployed: a person did it.
///
/// # Errors
/// The marks cannot be written.
pub(crate) fn leave<'a>(
    names: impl Iterator<Item = &'a str>,
    marks: &mut Marks,
) -> anyhow::Result<()> {
    let mut deployed = marks.deployed().cloned().unwrap_or_default();
    let of_samples = names.filter(|name| SAMPLES.iter().any(|sample| sample.name == *name));
    deployed.samples.extend(of_samples.map(str::to_owned));
    marks.write(deployed)
}

/// Serves the demo functions and registers those that never were; a registration that is still
/// `dev`'s own is given the new port, if there is one. Returns the names of those that are not
/// provided, because a person changed or deleted them.
///
/// # Errors
/// The database is away, no port can be opened, or the marks cannot be written.
pub(crate) async fn demo_functions(
    router: &Router,
    marks: &mut Marks,
    stop: CancellationToken,
) -> anyhow::Result<Vec<&'static str>> {
    let there = registered(router).await?;
    let mut deployed = marks.deployed().cloned().unwrap_or_else(|| {
        let ports = port_of_most(&there).into_iter().collect();
        Deployed { ports, ..Deployed::default() }
    });
    let demo = Demo::start_at(deployed.ports.last().copied(), router.clone(), stop).await?;
    deployed.ports.retain(|port| *port != demo.port());
    deployed.ports.push(demo.port());
    // Before the first is registered: after a stop in the middle those at this port are known for
    // `dev`'s own, and those at the one before still are.
    marks.write(deployed.clone())?;
    let mut left = Vec::new();
    for function in demo.functions() {
        let Provided { name, url, protocol } = &function;
        let is_new = deployed.functions.insert((*name).to_owned());
        match there.get(name) {
            Some(there) if !is_own(there, &function, &deployed.ports) => left.push(*name),
            Some(there) if there["url"] == url.as_str() => {}
            None if !is_new => left.push(*name),
            Some(_) | None => deploy::register(router, name, url, protocol).await?,
        }
    }
    deployed.ports = vec![demo.port()];
    marks.write(deployed)?;
    Ok(left)
}

/// What is registered under the names of the demo functions.
async fn registered(router: &Router) -> anyhow::Result<BTreeMap<&'static str, Value>> {
    let mut there = BTreeMap::new();
    for Provided { name, .. } in demo::functions_at(0) {
        let path = format!("/v1/functions/{}", deploy::in_path(name));
        if let Some(function) = deploy::find(router, &path).await? {
            there.insert(name, function);
        }
    }
    Ok(there)
}

/// Whether it is registered just as `dev` does it for one of these ports: then it is `dev`'s own.
fn is_own(there: &Value, function: &Provided, ports: &[u16]) -> bool {
    there["protocol"] == function.protocol
        && port_of(there, function.name).is_some_and(|port| ports.contains(&port))
        && there.get("timeout_seconds").is_none()
        && there.get("max_concurrency").is_none()
        && there["headers"] == json!({})
        && there["delivery"] == "at-least-once"
}

/// The loopback port at which it is registered, if that is as `dev` spells it.
fn port_of(there: &Value, name: &str) -> Option<u16> {
    let url = there["url"].as_str()?;
    let port = url.strip_prefix("http://127.0.0.1:")?.strip_suffix(name)?.strip_suffix('/')?;
    let number: u16 = port.parse().ok()?;
    (number.to_string() == port).then_some(number)
}

/// Where marks are lost, or were never kept: the port at which more than half of all demo functions
/// are registered just as `dev` does it. One function alone, or a few, may be a person's.
fn port_of_most(there: &BTreeMap<&'static str, Value>) -> Option<u16> {
    let mut at: BTreeMap<u16, usize> = BTreeMap::new();
    let mut all = 0;
    for function in demo::functions_at(0) {
        all += 1;
        let Some(there) = there.get(function.name) else { continue };
        if let Some(port) = port_of(there, function.name)
            && is_own(there, &function, &[port])
        {
            *at.entry(port).or_default() += 1;
        }
    }
    at.into_iter().find(|(_, functions)| functions * 2 > all).map(|(port, _)| port)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::{Arc, Mutex};

    use axum::Json;
    use axum::extract::Path;
    use axum::http::StatusCode;
    use axum::routing::get;

    use super::*;

    /// Functions by name, as REST shows them.
    type Registry = Arc<Mutex<BTreeMap<String, Value>>>;

    /// As much of the API as demo functions need.
    fn api(registry: &Registry) -> Router {
        let (reads, writes) = (registry.clone(), registry.clone());
        let describe = |Path(name): Path<String>| async move {
            let found = reads.lock().unwrap().get(&name).cloned();
            found.map(Json).ok_or(StatusCode::NOT_FOUND)
        };
        let register = |Path(name): Path<String>, body: String| async move {
            let mut function: Value = serde_json::from_str(&body).unwrap();
            function["headers"] = json!({});
            function["delivery"] = json!("at-least-once");
            writes.lock().unwrap().insert(name, function.clone());
            Json(function)
        };
        Router::new().route("/v1/functions/{name}", get(describe).put(register))
    }

    /// All demo functions, registered for this port.
    fn registry_at(port: u16) -> Registry {
        let functions = demo::functions_at(port).map(|Provided { name, url, protocol }| {
            let (headers, delivery) = (json!({}), "at-least-once");
            let shown =
                json!({ "url": url, "protocol": protocol, "headers": headers, "delivery": delivery });
            (name.to_owned(), shown)
        });
        Arc::new(Mutex::new(functions.collect()))
    }

    fn url(registry: &Registry, name: &str) -> Value {
        registry.lock().unwrap()[name]["url"].clone()
    }

    /// A folder of one test's own, gone when it is dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let name = format!("statewright-once-{}", uuid::Uuid::new_v4());
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir(&folder).unwrap();
            Self(folder)
        }

        fn marks(&self) -> Marks {
            Marks::read(&self.0, "db", "one").unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    async fn provide(registry: &Registry, folder: &Folder) -> (Vec<&'static str>, Deployed) {
        let mut marks = folder.marks();
        let stop = CancellationToken::new();
        let left = demo_functions(&api(registry), &mut marks, stop.clone()).await.unwrap();
        stop.cancel();
        (left, folder.marks().deployed().unwrap().clone())
    }

    #[tokio::test]
    async fn after_a_stop_in_the_middle_those_at_either_port_are_known_for_its_own() {
        let folder = Folder::new();
        // Neither is free: root itself may have the first, but the last is tried alone.
        let taken = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let new = taken.local_addr().unwrap().port();
        let registry = registry_at(1);
        for Provided { name, url, .. } in demo::functions_at(new).take(5) {
            registry.lock().unwrap().get_mut(name).unwrap()["url"] = json!(url);
        }
        registry.lock().unwrap().get_mut("write-report").unwrap()["url"] = json!("http://x/");
        registry.lock().unwrap().remove("charge-card");
        let functions = demo::functions_at(0).map(|function| function.name.to_owned()).collect();
        let ports = vec![1, new];
        let interrupted = Deployed { functions, ports, ..Deployed::default() };
        folder.marks().write(interrupted).unwrap();

        let (left, deployed) = provide(&registry, &folder).await;
        assert_eq!(left, ["charge-card", "write-report"]);
        let [port] = deployed.ports[..] else { panic!("{:?}", deployed.ports) };
        assert_ne!(port, new);
        assert!(!registry.lock().unwrap().contains_key("charge-card"));
        assert_eq!(url(&registry, "write-report"), "http://x/");
        for Provided { name, url: expected, .. } in demo::functions_at(port) {
            if !left.contains(&name) {
                assert_eq!(url(&registry, name), expected);
            }
        }
    }

    #[tokio::test]
    async fn without_marks_those_at_the_port_of_most_are_its_own_and_a_few_elsewhere_are_not() {
        let (folder, registry) = (Folder::new(), registry_at(1));
        for name in ["book-car", "book-hotel"] {
            registry.lock().unwrap().get_mut(name).unwrap()["url"] =
                json!(format!("http://127.0.0.1:2/{name}"));
        }
        let (left, deployed) = provide(&registry, &folder).await;
        assert_eq!(left, ["book-car", "book-hotel"]);
        assert_eq!(url(&registry, "book-car"), "http://127.0.0.1:2/book-car");
        let port = deployed.ports[0];
        assert_eq!(url(&registry, "charge-card"), format!("http://127.0.0.1:{port}/charge-card"));
    }

    #[tokio::test]
    async fn a_deleted_function_stays_deleted() {
        let (folder, registry) = (Folder::new(), Registry::default());
        let (left, first) = provide(&registry, &folder).await;
        assert!(left.is_empty());
        assert_eq!(registry.lock().unwrap().len(), first.functions.len());
        registry.lock().unwrap().remove("book-car");

        // The first may still be on its way out.
        let (left, _) = provide(&registry, &folder).await;
        assert_eq!(left, ["book-car"]);
        assert!(!registry.lock().unwrap().contains_key("book-car"));
    }

    #[test]
    fn a_url_that_only_looks_alike_is_not_its_own() {
        let port = |url: &str| port_of(&json!({ "url": url }), "f");
        assert_eq!(port("http://127.0.0.1:80/f"), Some(80));
        for url in [
            "http://127.0.0.1/f",
            "http://127.0.0.1:080/f",
            "http://127.0.0.1:+80/f",
            "http://127.0.0.1:80/f?x",
            "http://127.0.0.1:80/x/f",
            "https://127.0.0.1:80/f",
            "http://localhost:80/f",
        ] {
            assert_eq!(port(url), None, "{url}");
        }
    }
}
