//! Every file of the fuzz corpora, and so everything that the fuzz targets ever found. Making up more is
//! `npm run test:long`.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(missing_docs, unreachable_pub)]

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::fs;

type Target = fn(&[u8]);

#[test]
fn corpora() {
    let targets: [(&str, Target); 4] =
        [("filter", targets::filter), ("path", targets::path), ("patch", targets::patch), ("ingest", targets::ingest)];
    for (name, target) in targets {
        let files: Vec<_> = fs::read_dir(format!("fuzz/corpus/{name}")).unwrap().map(|f| f.unwrap().path()).collect();
        assert!(files.len() > 5, "{name}");
        for file in files {
            // A failure shows the name of its file.
            eprintln!("{}", file.display());
            target(&fs::read(file).unwrap());
        }
    }
}
