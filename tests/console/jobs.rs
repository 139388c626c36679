//! The alarm and its jobs: alarms lost, run twice and a day late, steps that fail, panic or kill their object, clocks that
//! were wrong. Nothing stays half done, and nothing stops the rest.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::imports::{admin, end, group, lines, scim, send, user, work};
use crate::support::native::Native;
use crate::support::{Server, dump};
use scim_edge::auth::Dialect;
use scim_edge::directory::admin::Admin;
use scim_edge::error::Code;
use scim_edge::id::Timestamp;
use scim_edge::org::alarm;
use serde_json::{Value, json};

const DAY: i64 = 24 * 3_600_000;

/// The platform's side of the alarm, as the edge drives it.
#[derive(Default)]
struct Platform {
    set: Option<Timestamp>,
    armed: Option<Timestamp>,
}

impl Platform {
    /// After each call.
    fn arm(&mut self, server: &Native) {
        let changed = server.sql.due_changed.take();
        if let Some(at) = alarm::wanted_time(&server.sql, &server.memory, self.armed, changed, server.now).unwrap() {
            assert!(at >= server.now.plus(alarm::AHEAD));
            (self.set, self.armed) = (Some(at), Some(at));
        }
    }

    /// The alarm goes off when it was set for, or now if that has passed. False if none is set.
    fn fire(&mut self, server: &mut Native) -> bool {
        let Some(at) = self.set.take() else { return false };
        server.now = server.now.max(at);
        server.alarm();
        self.after(server);
        true
    }

    fn after(&mut self, server: &Native) {
        self.armed = None;
        server.sql.due_changed.set(true);
        self.arm(server);
    }

    fn evict(&mut self, server: &mut Native) {
        server.memory = Default::default();
        self.armed = None;
    }
}

fn small(users: usize) -> Vec<String> {
    let id = |n: usize| format!("u{n}");
    let mut all = vec![json!({"from": 0})];
    all.extend((0..users).map(|n| user(&id(n), &id(n))));
    let crew: Vec<String> = (0..users).map(id).collect();
    all.extend([group("g", "G"), json!({"members": {"id": "g", "users": crew}})]);
    all.push(json!({"tombstone": {"id": "gone", "resourceType": "User"}}));
    let mut last = end(all.len(), users as i64, 1, users as i64);
    last["counts"]["tombstones"] = json!(1);
    all.push(last);
    lines(&all)
}

/// An organisation with a directory of its own whose import is sent, up to the last call.
fn sent() -> Native {
    let mut server = Native::new(Dialect::Auto);
    let old = server.send("POST", "/Users", json!({"userName": "old"})).text("id").to_owned();
    server.send("POST", "/Groups", json!({"displayName": "Old", "members": [{"value": old}]}));
    scim(&mut server, false);
    admin(&mut server, Admin::BeginImport).unwrap();
    send(&mut server, 1, &small(20)).unwrap();
    server
}

fn state(server: &mut Native) -> String {
    server.console("/import")["state"].as_str().unwrap().to_owned()
}

/// All that an import leaves behind, without times and the random ids of the first directory.
fn outcome(server: &mut Native) -> (Value, Vec<String>, Value, Value) {
    let about = server.console("");
    (server.console("/import"), dump::content(server), about["counts"].clone(), about["lastSeq"].clone())
}

/// At every step in turn the alarm is lost, runs twice, comes a day late, or its object ends before or in the step.
#[test]
fn alarms_that_do_not_come_as_they_should() {
    let mut undisturbed = sent();
    admin(&mut undisturbed, Admin::FinishImport).unwrap();
    let (steps, _) = work(&mut undisturbed);
    let expected = outcome(&mut undisturbed);
    assert_eq!(expected.0["state"], "done");
    for disturbance in ["lost", "doubled", "a day late", "evicted", "killed", "run twice at once"] {
        for at in 0..steps {
            let mut server = sent();
            let mut platform = Platform::default();
            admin(&mut server, Admin::FinishImport).unwrap();
            platform.arm(&server);
            for step in 0.. {
                if step == at {
                    match disturbance {
                        "lost" => {
                            // Nothing happens, for ever; then any request comes.
                            platform.set = None;
                            assert!(!platform.fire(&mut server));
                            server.now = server.now.plus(DAY / 2);
                            state(&mut server);
                            platform.arm(&server);
                        }
                        "doubled" => {
                            let again = platform.set;
                            platform.fire(&mut server);
                            platform.set = again;
                        }
                        "a day late" => server.now = server.now.plus(DAY),
                        "evicted" => platform.evict(&mut server),
                        "killed" => {
                            // The attempt is committed, and that is all.
                            server.now = server.now.max(platform.set.take().unwrap());
                            drop(alarm::begin_alarm(&server.sql, &mut server.memory, server.now).unwrap());
                            platform.evict(&mut server);
                            state(&mut server);
                            platform.arm(&server);
                        }
                        _ => {
                            let now = server.now.max(platform.set.take().unwrap());
                            server.now = now;
                            let attempts =
                                [0, 1].map(|_| alarm::begin_alarm(&server.sql, &mut server.memory, now).unwrap().0);
                            for attempt in attempts.into_iter().flatten() {
                                assert!(attempt.take_step(&server.sql, &mut server.memory, now).is_none());
                            }
                            platform.after(&server);
                        }
                    }
                }
                if !["checking", "writing"].contains(&state(&mut server).as_str()) {
                    break;
                }
                assert!(platform.fire(&mut server), "{disturbance} at {at}: nothing more will happen");
                assert!(step < steps + 100, "{disturbance} at {at}: no end");
            }
            assert_eq!(outcome(&mut server), expected, "{disturbance} at {at}");
            // The lines that were sent are cleared away, too, and then only the hourly round is left.
            while server
                .sql
                .connection
                .query_row("SELECT count(*) FROM due WHERE what = 'import'", [], |row| row.get::<_, i64>(0))
                .unwrap()
                > 0
            {
                assert!(platform.fire(&mut server));
            }
        }
    }
}

/// Setting a due time is all that a job needs: the next look at the alarm finds it.
#[test]
fn any_call_sets_the_alarm_again() {
    let mut server = Native::new(Dialect::Auto);
    let mut platform = Platform::default();
    platform.arm(&server);
    let hour = platform.set.unwrap();
    assert!(hour > server.now.plus(3_000_000), "the hourly round");
    // A call that set no due time reads nothing of them; one that did is seen at once.
    admin(&mut server, Admin::BeginImport).unwrap();
    send(&mut server, 1, &small(2)).unwrap();
    platform.arm(&server);
    assert_eq!(platform.set, Some(hour));
    admin(&mut server, Admin::FinishImport).unwrap();
    platform.arm(&server);
    assert_eq!(platform.set, Some(server.now.plus(alarm::AHEAD)));
    // It is set for that time, so the next call does not set it again, which is a row written.
    platform.set = None;
    server.sql.due_changed.set(true);
    platform.arm(&server);
    assert_eq!(platform.set, None);
    // The alarm is lost, and its time passes: the next call sets it again, whatever it asks.
    platform.set = None;
    server.now = server.now.plus(alarm::AHEAD - 1);
    platform.arm(&server);
    assert_eq!(platform.set, None, "it may still come");
    server.now = server.now.plus(1);
    platform.arm(&server);
    assert_eq!(platform.set, Some(server.now.plus(alarm::AHEAD)));
    // One that was set for a year ahead, when the clock was wrong, does not count either.
    platform.armed = Some(server.now.plus(365 * DAY));
    platform.arm(&server);
    assert_eq!(platform.set, Some(server.now.plus(alarm::AHEAD)));
    // An object that is not registered wants nothing.
    server.sql.connection.execute_batch("DROP TABLE migrations").unwrap();
    platform.evict(&mut server);
    (platform.set, server.memory) = (None, Default::default());
    assert!(alarm::begin_alarm(&server.sql, &mut server.memory, server.now).unwrap().0.is_none());
    platform.after(&server);
    assert_eq!(platform.set, None);
}

/// Runs alarms for so long; says which jobs failed.
fn run(server: &mut Native, milliseconds: i64) -> Vec<&'static str> {
    let until = server.now.plus(milliseconds);
    let mut failed = Vec::new();
    while server.now < until {
        failed.extend(server.alarm_fails().into_iter().map(|failure| failure.job));
        server.now = server.now.plus(5_000);
    }
    failed
}

fn warnings(server: &mut Native) -> Vec<String> {
    let found = server.console("/journal?outcome=warning")["entries"].clone();
    found.as_array().unwrap().iter().map(|entry| entry["detail"].as_str().unwrap().to_owned()).collect()
}

/// A step that fails, panics, or kills its object each time is set aside after three attempts, and the others go on.
#[test]
fn a_step_that_never_ends_is_set_aside() {
    for how in ["fails", "panics", "kills"] {
        let mut server = sent();
        admin(&mut server, Admin::FinishImport).unwrap();
        // A hundred days: the hourly round has something to forget.
        let old = server.now;
        server.now = server.now.plus(100 * DAY);
        match how {
            "fails" => server.sql.fails_at.set("import_users"),
            _ => server.sql.panics_at.set("import_users"),
        }
        let before = dump::content(&server);
        let mut attempts = 0;
        while state(&mut server) == "checking" {
            let (attempt, failure) = alarm::begin_alarm(&server.sql, &mut server.memory, server.now).unwrap();
            assert!(failure.is_none());
            if let Some(attempt) = attempt {
                let named = attempt.to_string();
                assert!(named.starts_with("attempt ") && named.contains(" at a step of "), "{named}");
                match how {
                    "kills" => {}
                    _ => {
                        attempts += i32::from(attempt.take_step(&server.sql, &mut server.memory, server.now).is_some())
                    }
                }
            }
            server.memory = Default::default();
            server.now = server.now.plus(60_000);
            assert!(server.now < old.plus(101 * DAY), "{how}: no end");
        }
        assert_eq!(attempts, if how == "kills" { 0 } else { 3 });
        let reason =
            if how == "kills" { "ended before they were done: out of memory, or out of time" } else { "failed" };
        let status = server.console("/import");
        assert_eq!(status["state"], "failed");
        let position = "members, tombstones and changes are checked";
        let error = status["error"].as_str().unwrap();
        assert!(error.starts_with(&format!("The import was set aside while {position}")), "{error}");
        assert!(error.ends_with(&format!("3 attempts at a step {reason}.")), "{error}");
        let warned = warnings(&mut server);
        assert!(
            warned.iter().any(|detail| detail.starts_with("The job \"import\" was set aside: 3 attempts")),
            "{warned:?}"
        );
        let entries = server.console("/journal?outcome=warning")["entries"].clone();
        assert!(entries.as_array().unwrap().iter().any(|entry| entry["code"] == "job-set-aside"), "{entries}");
        assert_eq!(dump::content(&server), before);
        if how != "kills" {
            assert_eq!(server.console("")["oldestSeq"], server.console("")["lastSeq"], "the hourly round went on");
        }
        // Clearing away fails too, and rests for a day; then it is done.
        if how == "fails" {
            assert_eq!(run(&mut server, 10 * 60_000), ["import"; 3]);
            assert_eq!(run(&mut server, DAY / 2), [] as [&str; 0]);
            let still = warnings(&mut server);
            assert!(still.iter().any(|detail| detail.contains("Removing them is tried again in a day")), "{still:?}");
        }
        server.sql.fails_at.set("");
        server.sql.panics_at.set("");
        // There is a way back.
        admin(&mut server, Admin::BeginImport).unwrap();
        send(&mut server, 1, &small(3)).unwrap();
        admin(&mut server, Admin::FinishImport).unwrap();
        assert_eq!(work(&mut server).1["state"], "done");
    }
}

/// The calls that an import which was set aside while it was written allows: going on, or another import; SCIM waits
/// for either.
#[test]
fn an_import_set_aside_while_it_is_written() {
    let mut expected = sent();
    admin(&mut expected, Admin::FinishImport).unwrap();
    work(&mut expected);
    let expected = outcome(&mut expected);
    for table in
        ["DELETE FROM members", "INSERT INTO users", "INSERT INTO groups", "INSERT INTO members", "INTO tombstones"]
    {
        for way in ["finish", "begin"] {
            let mut server = sent();
            admin(&mut server, Admin::FinishImport).unwrap();
            while state(&mut server) != "writing" {
                server.alarm();
            }
            server.sql.fails_at.set(table);
            run(&mut server, 10 * 60_000);
            server.sql.fails_at.set("");
            server.memory = Default::default();
            let status = server.console("/import");
            assert_eq!(status["state"], "failed", "{table}");
            let error = status["error"].as_str().unwrap();
            for says in [
                "3 attempts at a step failed",
                "SCIM is answered 503",
                "POST /v1/orgs/acme/import/finish goes on",
                "POST /v1/orgs/acme/import begins",
            ] {
                assert!(error.contains(says), "{table}: {error}");
            }
            // The directory is not shown, nothing is forgotten, and no time changes that.
            assert_eq!(run(&mut server, DAY), [] as [&str; 0]);
            scim(&mut server, true);
            let refused = server.get("/Users");
            assert_eq!(refused.status, 503);
            assert!(refused.text("detail").contains("GET /v1/orgs/acme/import says how"), "{}", refused.body);
            assert_eq!(server.tagged("/users", None).0, 503);
            let kept = admin(&mut server, Admin::EndImport).unwrap_err();
            assert_eq!(kept.kind().status(), 409);
            assert!(kept.detail.contains("begins another one"), "{}", kept.detail);
            if way == "finish" {
                admin(&mut server, Admin::FinishImport).unwrap();
                assert_eq!(state(&mut server), "writing");
            } else {
                // Whatever becomes of the next one, the directory stays incomplete until one is done.
                admin(&mut server, Admin::BeginImport).unwrap();
                assert_eq!(server.get("/Users").status, 503);
                send(&mut server, 1, &lines(&[json!({"from": 0}), user("a", "ann"), end(2, 2, 0, 0)])).unwrap();
                admin(&mut server, Admin::FinishImport).unwrap();
                let status = work(&mut server).1;
                let error = status["error"].as_str().unwrap();
                assert!(error.contains("counts.users is 2") && error.contains("begins another one"), "{error}");
                assert!(!error.contains("/import/finish"), "{error}");
                run(&mut server, 60_000);
                assert_eq!((server.get("/Users").status, state(&mut server).as_str()), (503, "failed"));
                admin(&mut server, Admin::BeginImport).unwrap();
                send(&mut server, 1, &small(20)).unwrap();
                admin(&mut server, Admin::FinishImport).unwrap();
            }
            work(&mut server);
            assert_eq!(outcome(&mut server), expected, "{table}, {way}");
            assert_eq!(server.get("/Users?count=0").body["totalResults"], 20);
            run(&mut server, 60_000);
            assert_eq!(admin(&mut server, Admin::EndImport).map_err(|error| error.detail).err(), None);
        }
    }
}

/// The hourly round that was set aside is tried again after a day; a time that a wrong clock set far ahead is now.
#[test]
fn the_hourly_round_comes_back() {
    let mut server = Native::new(Dialect::Auto);
    server.sql.panics_at.set("DELETE FROM traffic");
    server.now = server.now.plus(3_600_000);
    assert_eq!(run(&mut server, 20 * 60_000), ["prune"; 3]);
    let found = warnings(&mut server);
    assert_eq!(found.len(), 1);
    assert!(
        found[0]
            .starts_with("The job \"prune\" was set aside: 3 attempts at a step failed. It is tried again in a day.")
    );
    server.sql.panics_at.set("");
    assert_eq!(run(&mut server, DAY), [] as [&str; 0]);
    let next = |server: &Native| {
        server.sql.connection.query_row("SELECT at - ?, attempts FROM due", [server.now.0], |row| {
            Ok((row.get::<_, i64>(0).unwrap(), row.get::<_, i64>(1).unwrap()))
        })
    };
    let (ahead, attempts) = next(&server).unwrap();
    assert!((1..=3_600_000).contains(&ahead) && attempts == 0, "{ahead} {attempts}");
    server.sql.connection.execute("UPDATE due SET at = ?", [server.now.plus(365 * DAY).0]).unwrap();
    server.alarm();
    assert_eq!(next(&server).unwrap().0, 3_600_000);
    // A job of another version is left to that version.
    server.sql.connection.execute("INSERT INTO due (what, at) VALUES ('of tomorrow', 1)", []).unwrap();
    server.sql.due_changed.set(true);
    assert_eq!(
        alarm::wanted_time(&server.sql, &server.memory, None, true, server.now).unwrap(),
        Some(server.now.plus(3_600_000))
    );
    // A job that has no row yet gets one when the object starts.
    server.sql.connection.execute("DELETE FROM due", []).unwrap();
    server.memory = Default::default();
    server.console("");
    assert_eq!(next(&server).unwrap().0, 3_600_000);
}

/// Counters that cannot be saved stay, and stop no job.
#[test]
fn counters_that_cannot_be_saved() {
    let mut server = Native::new(Dialect::Auto);
    server.get("/Users");
    assert_eq!(server.send("POST", "/Users", json!({"title": "t"})).status, 400);
    for how in ["fails", "panics"] {
        let place = if how == "fails" { &server.sql.fails_at } else { &server.sql.panics_at };
        place.set("INTO traffic");
        server.now = server.now.plus(3_600_000);
        let failed: Vec<&str> = server.alarm_fails().into_iter().map(|failure| failure.job).collect();
        assert_eq!(failed, ["save"]);
        server.sql.fails_at.set("");
        server.sql.panics_at.set("");
    }
    let pruned = "SELECT at FROM due WHERE what = 'prune'";
    let at: i64 = server.sql.connection.query_row(pruned, [], |row| row.get(0)).unwrap();
    assert_eq!(at, server.now.plus(3_600_000).0);
    server.alarm();
    assert_eq!(server.console("/journal")["days"][0]["refused"], 1);
}

/// A restart of the object in the middle of a step is no attempt at it; storage that is full is.
#[test]
fn restarts_are_no_attempts() {
    for (code, set_aside) in [
        (Code::ObjectReset, false),
        (Code::DirectoryBusy, false),
        (Code::StorageFull, true),
        (Code::StorageFailed, true),
        (Code::Internal, true),
    ] {
        let mut server = Native::new(Dialect::Auto);
        server.sql.fails_as.set(code);
        server.sql.fails_at.set("DELETE FROM traffic");
        server.now = server.now.plus(3_600_000);
        let failed = run(&mut server, 20 * 60_000);
        assert_eq!(failed.len() > 3, !set_aside, "{code}: {failed:?}");
        server.sql.fails_at.set("");
        assert_eq!(warnings(&mut server).len(), usize::from(set_aside), "{code}");
        server.now = server.now.plus(60_000);
        server.alarm();
        let attempts: i64 = server.sql.connection.query_row("SELECT attempts FROM due", [], |row| row.get(0)).unwrap();
        assert_eq!(attempts, 0, "{code}");
    }
}
