//! What screening costs: a lookup among 10 thousand, 1 million and 10 million marks, hit and miss; the whole
//! screen of a token; what putting a mark in force costs; and the resident memory of each index, in one run.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench that fails has nothing to measure")]

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gatepost::check::revocation::{
    Fingerprint, Index, IndexWriter, Mark, Reach, Target, TokenFacts, TokenMarks, index,
};
use gatepost::jose::UnixTime;

const ISSUER: &str = "https://idp.example.com/realms/corp";
const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);

/// The queries do not fit into a cache next to the index, as those of a busy gateway do not.
const QUERIES: usize = 1 << 20;

fn jti(number: usize) -> String {
    format!("018f5b6c-{number:024x}")
}

fn fingerprint(number: usize) -> Fingerprint {
    Target::Token { issuer: ISSUER, jti: &jti(number) }.fingerprint()
}

/// Expiring over the next hour, as a stream of revocations would.
fn mark(number: usize) -> Mark {
    let target = jti(number);
    let expires = NOW.plus(Duration::from_secs(60 + number as u64 % 3600));
    Mark::new(&Target::Token { issuer: ISSUER, jti: &target }, Reach::Every, Some(expires))
}

fn filled(count: usize) -> (IndexWriter, Arc<Index>) {
    let (mut writer, index) = index(0x9e37_79b9_7f4a_7c15, usize::MAX);
    for number in 0..count {
        writer.apply(&mark(number), NOW);
    }
    assert_eq!(index.len(), count);
    (writer, index)
}

/// Resident bytes of this process (proc(5), statm).
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn is_smoke_run() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

fn lookups(criterion: &mut Criterion) {
    let counts: &[usize] = if is_smoke_run() { &[10_000] } else { &[10_000, 1_000_000, 10_000_000] };
    for &count in counts {
        let before = resident();
        let (_writer, index) = filled(count);
        let bytes = resident().saturating_sub(before);
        println!("{count} marks: {:.1} MB resident, {} bytes each", bytes as f64 / 1e6, bytes / count);
        let queries = QUERIES.min(count);
        let among = |start: usize| (0..queries).map(move |_| fingerprint(start + fastrand::usize(..count)));
        let (hits, misses): (Vec<_>, Vec<_>) = (among(0).collect(), among(count).collect());
        assert!(hits.iter().all(|print| index.revokes(*print, Some(NOW))));
        assert!(!misses.iter().any(|print| index.revokes(*print, Some(NOW))));

        let mut group = criterion.benchmark_group(format!("{count} marks"));
        for (name, prints) in [("hit", &hits), ("miss", &misses)] {
            let mut next = prints.iter().cycle();
            group.bench_function(BenchmarkId::new("lookup", name), |bencher| {
                bencher.iter(|| index.revokes(black_box(*next.next().unwrap()), Some(NOW)));
            });
        }
        group.finish();
    }
}

/// A token that nothing revokes, among a million marks on tokens and one of each other kind.
fn screens(criterion: &mut Criterion) {
    let (mut writer, index) = filled(if is_smoke_run() { 10_000 } else { 1_000_000 });
    for target in [
        Target::Session { issuer: ISSUER, sid: "other" },
        Target::Subject { issuer: ISSUER, subject: "other" },
        Target::Client { issuer: ISSUER, client: "other" },
        Target::Key { issuer: ISSUER, kid: "other" },
        Target::Issuer("https://other.example.com"),
    ] {
        writer.apply(&Mark::new(&target, Reach::IssuedUntil(NOW), None), NOW);
    }
    let digest = [7; 32];
    let facts = TokenFacts {
        issuer: ISSUER,
        jti: Some("018f5b6c-none"),
        digest: Some(&digest),
        session: Some("1c3a7a36-9c5f-4d0e"),
        grant: None,
        key: Some("2026-11-a"),
        subject: Some("f:248289761001"),
        client: Some("shop-frontend"),
        issued_at: Some(NOW),
    };
    let marks = TokenMarks::of(&facts);
    assert_eq!(marks.screen(&index), None);
    let mut group = criterion.benchmark_group("screen of one token");
    group.bench_function("fingerprints, once a token", |b| b.iter(|| TokenMarks::of(black_box(&facts))));
    group.bench_function("lookups, each kind present", |b| b.iter(|| black_box(&marks).screen(&index)));
    group.bench_function("epoch, nothing new", |b| b.iter(|| black_box(&index).epoch()));
    group.finish();
}

fn applying(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one mark put in force");
    let marks: Vec<_> = (0..10_000).map(mark).collect();
    group.throughput(criterion::Throughput::Elements(marks.len() as u64));
    group.bench_function("10000, into an empty index", |bencher| {
        bencher.iter(|| {
            let (mut writer, _index) = index(7, usize::MAX);
            for mark in &marks {
                black_box(writer.apply(mark, NOW));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, lookups, screens, applying);
criterion_main!(benches);
