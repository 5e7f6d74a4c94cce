//! Configuration as a person gets it wrong, and what may never be printed.

use super::{Folder, run, statewright, stderr};

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_known_ones() {
    let folder = Folder::new();
    let file = folder.file("s.toml", "lanes = 2\nlane = 3\n");
    let output = run(&["serve", "--config", &file]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains(&format!("`{file}`, line 2: unknown field `lane`")), "{said}");
    assert!(said.contains("`lanes`") && said.contains("`database_url`"), "{said}");
}

#[test]
fn serving_without_a_database_says_what_to_do() {
    let output = run(&["serve"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("`DATABASE_URL`") && said.contains("statewright dev"), "{said}");
}

#[test]
fn a_password_is_never_printed() {
    let urls = [
        "postgres://me:hush-hush@127.0.0.1:1/x?options=hush-hush",
        "nonsense hush-hush",
        "postgres://me:hush-hush@[::bad/x",
    ];
    for url in urls {
        let output = statewright(&["migrate", "--log-level", "debug"])
            .env("DATABASE_URL", url)
            .env("STATEWRIGHT_DATABASE_WAIT_SECONDS", "0")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(!stderr(&output).contains("hush-hush"), "{}", stderr(&output));
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let folder = Folder::new();
    let data = folder.path("data");
    let output = run(&["dev", "--listen", &listen, "--data-dir", &data]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains(&format!("cannot listen on `{listen}`")),
        "{}",
        stderr(&output)
    );
}
