//! Every command of the how-to pages, run as it stands there beside a running fleet.

use std::fs;
use std::process::Command;

use crate::outside::{Store, World, answer};
use crate::wait::until;

/// The commands of a page: the lines of its `sh` blocks.
fn commands(page: &str) -> Vec<String> {
    let path = format!("{}/docs/how-to/{page}.md", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let commands: Vec<String> = blocks.flat_map(str::lines).map(str::to_owned).collect();
    assert!(commands.len() >= 3 && commands.iter().all(|line| line.starts_with("muster ")), "{commands:?}");
    commands
}

/// As a shell would cut it, for what these pages use: single and double quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, ' ') => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn runs(world: &World, line: &str) -> String {
    let words = words(line);
    let mut command: Command = world.muster(&words[1..].iter().map(String::as_str).collect::<Vec<_>>());
    command.env("MUSTER_STORE", &world.store_url).env("RUST_LOG", "off");
    let (code, out, err) = answer(command);
    assert_eq!(code, 0, "{line}\n{out}{err}");
    out
}

#[tokio::test]
async fn every_command_of_the_how_to_pages_does_what_its_page_says() {
    let world = World::new(Store::Sqlite, &["--bots", "2"]).await;
    // Before the fleet runs: the first page checks the logins and makes the store.
    let first = commands("first-fleet");
    let (before, after) = first.split_at(first.iter().position(|line| line.contains("bots list")).unwrap());
    for line in before {
        runs(&world, line);
    }
    let fleet = world.run(&[], &[]).await;
    fleet.all_online().await;
    for line in after {
        runs(&world, line);
    }
    let told: String = commands("rotate-a-credential").iter().map(|line| runs(&world, line)).collect();
    assert!(told.contains("relogin"), "the audit shows it: {told}");
    fleet.all_online().await;
    runs(&world, "muster bots suspend bot-1 --reason 'an example'");
    until("the bot is held off", crate::outside::SOON, async || {
        let bots = fleet.bots();
        if bots.iter().any(|bot| bot["state"] == "quarantined") { Ok(()) } else { Err(format!("{bots:?}")) }
    })
    .await;
    let told: String = commands("read-a-quarantine").iter().map(|line| runs(&world, line)).collect();
    assert!(told.contains("an example") && told.contains("release"), "{told}");
    fleet.all_online().await;
    let told: String = commands("bulk-restart").iter().map(|line| runs(&world, line)).collect();
    assert!(told.contains("bot-1") && told.contains("bot-2"), "{told}");
    fleet.all_online().await;
}
