//! The commands as people and scripts use them: exit codes, `--json`, set-up from nothing.

use serde_json::Value;
use testkit::{LIMIT, Process, World, WorldOptions};

/// Exit code, standard output, standard error.
async fn offhook(arguments: &[&str], environment: &[(&str, String)]) -> (i32, String, String) {
    let mut command = Process::command(arguments);
    let output =
        command.envs(environment.iter().map(|(name, value)| (name, value))).output().await.expect("offhook runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("an exit code"), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_commands_prepare_empty_servers_and_can_be_repeated() {
    let world = World::with(WorldOptions { bare: true, ..WorldOptions::default() }).await;
    let environment = world.environment();
    let (code, _, why) = offhook(&["streams", "verify"], &environment).await;
    assert!(code == 1 && why.contains("offhook streams apply"), "{why}");
    let file = world.path("orgs.toml");
    std::fs::write(&file, world.orgs_file()).expect("the file can be written");
    let file = file.to_str().expect("a plain path");
    for created in [true, false] {
        let steps = [
            vec!["migrate"],
            vec!["streams", "apply", "--json"],
            vec!["streams", "verify"],
            vec!["orgs", "apply", file, "--json"],
        ];
        for step in steps {
            let (code, printed, why) = offhook(&step, &environment).await;
            assert_eq!(code, 0, "{step:?}: {why}");
            if step.contains(&"--json") {
                let first: Value = serde_json::from_str(printed.lines().next().expect("a line")).expect("JSON");
                assert!(first["created"] == created || first["faults"].is_array(), "{step:?}: {printed}");
            }
        }
    }
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_orgs_file_is_told_all_at_once_with_lines() {
    let folder = std::env::temp_dir().join(format!("offhook-orgs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("orgs.toml");
    let text = "[[org]]\nid = \"Demo\"\nname = \"x\"\n[[org.branch]]\nid = \"main\"\ntime_zone = \"Mars\"\n[org.source.retell]\nsecrets = [\"key_in_the_clear\"]\n";
    std::fs::write(&file, text).expect("the file can be written");
    let (code, printed, why) = offhook(&["orgs", "check", file.to_str().expect("a plain path")], &[]).await;
    std::fs::remove_dir_all(&folder).ok();
    assert_eq!(code, 1);
    for line in ["line 2", "line 6", "line 8"] {
        assert!(printed.contains(line), "{line} in {printed}");
    }
    assert!(!printed.contains("key_in_the_clear") && !why.contains("key_in_the_clear"), "a secret is not repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_and_wrong_settings_exit_with_64_and_help_with_0() {
    let pooler =
        [("NATS_URL", "nats://127.0.0.1:1".to_owned()), ("DATABASE_URL", "postgres://u@127.0.0.1:6543/db".to_owned())];
    let (code, _, why) = offhook(&["run", "log-worker"], &pooler).await;
    assert!(code == 64 && why.contains("transaction pooler"), "{code} {why}");
    for arguments in
        [vec![], vec!["nonsense"], vec!["run"], vec!["run", "nobody"], vec!["run", "log-worker"], vec!["orgs", "check"]]
    {
        assert_eq!(offhook(&arguments, &[]).await.0, 64, "{arguments:?}");
    }
    for arguments in [vec!["--help"], vec!["--version"], vec!["run", "--help"], vec!["completions", "bash"]] {
        assert_eq!(offhook(&arguments, &[]).await.0, 0, "{arguments:?}");
    }
    let (code, _, why) = offhook(&["orgs", "check", "/nowhere/orgs.toml"], &[]).await;
    assert!(code == 1 && why.contains("/nowhere/orgs.toml"), "{why}");
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let mut command = Process::command(&["cache", "kinds"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let ended = tokio::time::timeout(LIMIT, command.stdout(writer).status()).await.expect("it ends");
    assert_eq!(ended.expect("it runs").code(), Some(0));
}
