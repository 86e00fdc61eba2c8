//! A process with a cache of its own, for the tests that want real ones: commands come as lines of JSON, events go out as such.
//!
//! The first line is the setup. Ends when its input does.

mod node;

use std::{
    io::{Write as _, stdin, stdout},
    sync::Arc,
};

use node::{Command, Event, Node, Setup};
use tokio::runtime::Runtime;

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    let sink = Arc::new(|event: Event| {
        let line = serde_json::to_string(&event).expect("an event is JSON");
        // Nobody reads what a process says that is being ended.
        writeln!(stdout().lock(), "{line}").ok();
    });
    let mut lines = stdin().lines().map_while(Result::ok);
    let setup: Setup = serde_json::from_str(&lines.next().expect("a setup")).expect("a setup");
    let mut node = Node::start(&setup, sink);
    for line in lines {
        let command: Command = serde_json::from_str(&line).expect("a command");
        node.obey(command);
    }
}
