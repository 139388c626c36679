//! A search for the most expensive request: it changes requests that are known towards more work, in a large directory and
//! in an empty one. Run by `npm run test:long -- price`; what it finds becomes a row of the table.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods, reason = "the search ends by the clock, natively")]

mod mutation;

use super::cost::{Cost, cost};
use super::table::{Place, rows};
use crate::support::native::Native;
use crate::support::random::Random;
use crate::support::session::SESSIONS;
use crate::support::{Request, stored};
use scim_edge::auth::Dialect;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use std::{env, fs};

/// No request may take longer, in milliseconds of this machine's processor, or more memory, in bytes.
const MILLISECONDS_MAX: f64 = 1_000.0;
/// And none may hold its object up longer at once: one that is not a change goes on in steps.
const STEP_MILLISECONDS_MAX: f64 = 250.0;
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How many are shown.
const SHOWN: usize = 10;
/// A request of no bytes is still a request: so many are added to each when its price per byte is looked at.
const OVERHEAD: usize = 500;

/// A request that was tried.
#[derive(Clone)]
struct Tried {
    place: Place,
    request: Request,
    cost: Cost,
    milliseconds: f64,
    /// The longest that it held its object up at once.
    at_once: f64,
}

impl Tried {
    /// True of what goes through the rows in steps, with other requests between them: its whole time is not held.
    fn is_in_steps(&self) -> bool {
        let body = self.request.body.as_deref().unwrap_or_default();
        let previewed = || serde_json::from_slice::<Value>(body).unwrap_or_default();
        match self.request.path.split('?').next() {
            Some("/.search") => true,
            Some("/v1/orgs/acme/preview") => previewed()["method"] == "GET" || previewed()["path"] == "/.search",
            _ => self.request.method == "GET",
        }
    }

    fn is_beyond(&self) -> bool {
        let is_slow = match self.is_in_steps() {
            true => self.at_once > STEP_MILLISECONDS_MAX,
            false => self.milliseconds > MILLISECONDS_MAX,
        };
        is_slow || self.cost.peak > BYTES_MAX
    }

    fn sent(&self) -> usize {
        self.request.body.as_ref().map_or(0, Vec::len) + self.request.path.len()
    }

    fn per_byte(&self) -> f64 {
        self.milliseconds / (self.sent() + OVERHEAD) as f64
    }

    fn line(&self) -> String {
        let Cost { peak, allocations, steps, written, answer, status, .. } = self.cost;
        let body = self.request.body.as_deref().unwrap_or_default();
        let text = String::from_utf8_lossy(body.get(..160).unwrap_or(body)).replace('\n', " ");
        let path = self.request.path.chars().take(120).collect::<String>();
        format!(
            "{:8.1} ms {:7.1} at once {:9.4} ms/KB {:6.1} MiB {steps:>10} steps {allocations:>9} allocations {written:>6} rows {answer:>8} B \
             {status} | {} B {:?} {} {path} {text}",
            self.milliseconds,
            self.at_once,
            self.per_byte() * 1024.0,
            peak as f64 / 1_048_576.0,
            self.sent(),
            self.place,
            self.request.method,
        )
    }
}

/// Seconds from `PRICE_SECONDS`, the beginning of chance from `PRICE_SEED`, the folder for what is found from `PRICE_FOUND`.
#[test]
#[ignore = "npm run test:long -- price"]
fn search() {
    let number = |name: &str, default: u64| env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (began, seconds) = (Instant::now(), Duration::from_secs(number("PRICE_SECONDS", 60)));
    let mut random = Random(number("PRICE_SEED", 20_261_128));
    let mut servers = [Place::Large, Place::Empty].map(|place| (place, server(place)));
    let seeds = seeds();
    // The best of each shape, so that one kind of request does not push the others out.
    let (mut dear, mut dense): (BTreeMap<String, Tried>, BTreeMap<String, Tried>) = (BTreeMap::new(), BTreeMap::new());
    let (mut tried, mut next) = (0_u64, 0);
    while began.elapsed() < seconds {
        let at = random.below(servers.len());
        let (place, server) = &mut servers[at];
        let request = if next < seeds.len() * 2 {
            next += 1;
            seeds[(next - 1) / 2].clone()
        } else {
            let from = match random.below(4) {
                0 => seeds[random.below(seeds.len())].clone(),
                1 | 2 => chosen(&dear, &mut random),
                _ => chosen(&dense, &mut random),
            };
            let mut changed = from;
            for _ in 0..1 + random.below(3) {
                let other = &seeds[random.below(seeds.len())];
                mutation::change(&mut changed, other, &mut random);
            }
            changed
        };
        if request.body.as_ref().is_some_and(|body| body.len() > 9_000_000) || request.path.len() > 60_000 {
            continue;
        }
        let before = processor();
        server.longest = 0.0;
        let (cost, _) = cost(server, &request);
        let (milliseconds, at_once) = (processor() - before, server.longest);
        let found = Tried { place: *place, request, cost, milliseconds, at_once };
        tried += 1;
        let shape = mutation::shape(*place, &found.request, cost.status);
        if found.is_beyond() && !dear.get(&shape).is_some_and(Tried::is_beyond) {
            println!("beyond: {}", found.line());
        }
        keep(&mut dear, shape.clone(), &found, |one| {
            one.milliseconds + 10.0 * one.at_once + one.cost.peak as f64 / 1e6
        });
        keep(&mut dense, shape, &found, Tried::per_byte);
    }
    println!("{tried} requests, {} shapes", dear.len());
    shown("most in all", &dear, |one| one.milliseconds);
    shown("most at once", &dear, |one| if one.is_in_steps() { one.at_once } else { one.milliseconds });
    shown("most memory", &dear, |one| one.cost.peak as f64);
    shown("most for each byte sent", &dense, Tried::per_byte);
    let beyond = dear.values().filter(|one| one.is_beyond()).count();
    assert!(
        beyond == 0,
        "{beyond} shapes are beyond {MILLISECONDS_MAX} ms, {STEP_MILLISECONDS_MAX} ms at once, or {BYTES_MAX} bytes"
    );
}

/// How long this thread has had a processor, in milliseconds: what else the machine does is not in it.
fn processor() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
}

fn server(place: Place) -> Native {
    let mut server = Native::new(Dialect::Auto);
    server.measured = true;
    server.clock = Some(processor);
    server.sql.connection.execute_batch(&place.sql()).unwrap();
    server
}

/// Returns the known cases: the table, smaller, and the requests of identity providers.
fn seeds() -> Vec<Request> {
    let small = |row: &super::table::Row| (row.request)(row.size.min(100));
    let mut seeds: Vec<Request> = rows().iter().filter(|row| row.size > 0).map(small).collect();
    for (_, text) in SESSIONS {
        let session: Value = serde_json::from_str(text).unwrap();
        for step in session["steps"].as_array().unwrap() {
            let path = mutation::filled(step["path"].as_str().unwrap());
            let method = step["method"].as_str().unwrap();
            seeds.push(match step.get("body").filter(|body| !body.is_null()) {
                Some(body) => {
                    Request::json(method, &path, &serde_json::from_str(&mutation::filled(&body.to_string())).unwrap())
                }
                None => Request::new(method, &path),
            });
        }
    }
    seeds.retain(|request| request.path.starts_with("/v1/orgs/acme/preview") || !request.path.starts_with("/v1/"));
    seeds
}

fn chosen(from: &BTreeMap<String, Tried>, random: &mut Random) -> Request {
    let all: Vec<&Tried> = from.values().collect();
    // The better of two, so that the best are changed more often.
    let (a, b) = (all[random.below(all.len())], all[random.below(all.len())]);
    if a.milliseconds > b.milliseconds { a.request.clone() } else { b.request.clone() }
}

fn keep(best: &mut BTreeMap<String, Tried>, shape: String, found: &Tried, price: impl Fn(&Tried) -> f64) {
    if best.get(&shape).is_none_or(|known| price(known) < price(found)) {
        best.insert(shape, found.clone());
    }
}

/// Prints the worst, and writes each into a file.
fn shown(what: &str, best: &BTreeMap<String, Tried>, price: impl Fn(&Tried) -> f64) {
    let mut all: Vec<&Tried> = best.values().collect();
    all.sort_by(|a, b| price(b).total_cmp(&price(a)));
    println!("\n{what}");
    for (number, one) in all.iter().take(SHOWN).enumerate() {
        println!("{}", one.line());
        if let Ok(folder) = env::var("PRICE_FOUND") {
            let name = format!("{folder}/{}-{number}", what.replace(' ', "-"));
            let head = format!("{:?} {} {}\n\n", one.place, one.request.method, one.request.path);
            fs::write(name, [head.as_bytes(), one.request.body.as_deref().unwrap_or_default()].concat()).unwrap();
        }
    }
}

/// An id that [`stored::large`] has.
pub(super) fn known_user(random: &mut Random) -> String {
    let special = [stored::ROLES[0].0, stored::ROLES[1].0, stored::ROLES[2].0, stored::CROWDED[0], 7];
    stored::user(special[random.below(special.len())])
}
