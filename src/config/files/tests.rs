//! Promise: what is read belongs together, whatever happens to the directory meanwhile.

use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

/// What the kubelet has written: `..data` links to a directory, and each entry to one behind it.
struct Mounted {
    directory: TempDir,
    count: usize,
}

impl Mounted {
    fn new(files: &[(&str, &str)]) -> Self {
        let mut mounted = Self { directory: TempDir::new().unwrap(), count: 0 };
        mounted.swap(files);
        mounted
    }

    fn path(&self) -> &FilePath {
        self.directory.path()
    }

    /// The steps of the kubelet's writer up to the rename, which is when the edit is made, and the removal of
    /// the old directory. Links of new files come later, and are left out here.
    fn swap(&mut self, files: &[(&str, &str)]) {
        self.count += 1;
        let old = fs::read_link(self.path().join("..data")).ok();
        let new = format!("..2026_{}", self.count);
        write(&self.path().join(&new), files);
        symlink(&new, self.path().join("..data_tmp")).unwrap();
        fs::rename(self.path().join("..data_tmp"), self.path().join("..data")).unwrap();
        if let Some(old) = old {
            fs::remove_dir_all(self.path().join(old)).unwrap();
        }
    }
}

fn write(directory: &FilePath, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn plain(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    write(directory.path(), files);
    directory
}

fn text(file: &ConfigFile) -> &str {
    match &file.content {
        Ok(bytes) => str::from_utf8(bytes).unwrap(),
        Err(why) => why,
    }
}

/// The content of every file, and of the optional ones the name too.
fn all(files: &Files) -> Vec<String> {
    let optional = files.next_policy.iter().chain(&files.more_policies);
    let optional = optional.map(|file| {
        let name = FilePath::new(&file.name).strip_prefix(&files.directory).unwrap();
        format!("{} {}", name.display(), text(file))
    });
    [&files.gatepost, &files.policy].map(|file| text(file).to_owned()).into_iter().chain(optional).collect()
}

const TWO: [(&str, &str); 2] = [("gatepost.yaml", "g1"), ("policy.yaml", "p1")];

#[test]
fn reads_all_files_of_a_directory_in_order_and_no_others() {
    let directory = plain(&[
        ("gatepost.yaml", "g"),
        ("policy.yaml", "p"),
        ("policy.next.yaml", "n"),
        ("policy.d/20-b.yaml", "b"),
        ("policy.d/10-a.yaml", "a"),
        ("policy.d/.hidden.yaml", "x"),
        ("policy.d/notes.txt", "x"),
        ("jwks.json", "x"),
    ]);
    let files = Files::read(directory.path());
    assert_eq!(all(&files), ["g", "p", "policy.next.yaml n", "policy.d/10-a.yaml a", "policy.d/20-b.yaml b"]);
    assert!(!files.is_settled, "who knows who is writing to it");
    assert_eq!(files.gatepost.name, directory.path().join("gatepost.yaml").display().to_string());
}

#[test]
fn a_mounted_directory_is_settled_and_names_its_files_as_people_know_them() {
    let mounted = Mounted::new(&[TWO[0], TWO[1], ("policy.d/a.yaml", "a"), ("policy.next.yaml", "n")]);
    let files = Files::read(mounted.path());
    assert!(files.is_settled);
    assert_eq!(all(&files), ["g1", "p1", "policy.next.yaml n", "policy.d/a.yaml a"]);
}

#[test]
fn policies_may_be_a_mount_of_their_own() {
    let top = Mounted::new(&TWO);
    let own = top.path().join("policy.d");
    write(&own.join("..2026_1"), &[("a.yaml", "a")]);
    let files = Files::read(top.path());
    assert_eq!((all(&files), files.is_settled), (vec!["g1".to_owned(), "p1".to_owned()], true));
    symlink("..2026_1", own.join("..data")).unwrap();
    let files = Files::read(top.path());
    assert_eq!((all(&files).pop().unwrap().as_str(), files.is_settled), ("policy.d/a.yaml a", true));
    fs::remove_file(own.join("..data")).unwrap();
    write(&own, &[("b.yaml", "b")]);
    let files = Files::read(top.path());
    assert_eq!((all(&files).pop().unwrap().as_str(), files.is_settled), ("policy.d/b.yaml b", false));
}

#[test]
fn a_swap_in_the_middle_of_reading_is_read_whole() {
    let mut mounted = Mounted::new(&TWO);
    let path = mounted.path().to_owned();
    let mut swaps = 0;
    let files = Files::read_with(&path, || {
        swaps += 1;
        if swaps <= 3 {
            mounted.swap(&[
                ("gatepost.yaml", "g2"),
                ("policy.yaml", &format!("p{swaps}")),
                ("policy.next.yaml", "n"),
            ]);
        }
    });
    assert_eq!((all(&files), swaps), (vec!["g2".into(), "p3".into(), "policy.next.yaml n".into()], 4));
}

#[test]
fn a_swap_of_the_policies_alone_is_read_whole_too() {
    let top = Mounted::new(&TWO);
    let own = top.path().join("policy.d");
    write(&own, &[("..1/a.yaml", "a1"), ("..1/b.yaml", "b1"), ("..2/a.yaml", "a2")]);
    symlink("..1", own.join("..data")).unwrap();
    let mut swapped = false;
    let files = Files::read_with(top.path(), || {
        if !std::mem::replace(&mut swapped, true) {
            symlink("..2", own.join("..data_tmp")).unwrap();
            fs::rename(own.join("..data_tmp"), own.join("..data")).unwrap();
        }
    });
    assert_eq!(all(&files), ["g1", "p1", "policy.d/a.yaml a2"]);
}

#[test]
fn a_directory_that_never_rests_is_a_fault() {
    let mut mounted = Mounted::new(&TWO);
    let path = mounted.path().to_owned();
    let files = Files::read_with(&path, || mounted.swap(&TWO));
    assert!(text(&files.policy).contains("again and again"), "{files:?}");
    assert!(!files.is_settled);
}

#[test]
fn what_cannot_be_read_is_told_and_does_not_hold_us_up() {
    let directory = plain(&[("gatepost.yaml", "g")]);
    let path = directory.path();
    assert_eq!(text(&Files::read(path).policy), ABSENT);
    assert_eq!(text(&Files::read(&path.join("nowhere")).gatepost), ABSENT);
    assert_eq!(ABSENT, File::open(path.join("nowhere")).unwrap_err().to_string());
    fs::create_dir(path.join("policy.yaml")).unwrap();
    assert_eq!(text(&Files::read(path).policy), "it is not a file");
    fs::remove_dir(path.join("policy.yaml")).unwrap();
    symlink("policy.yaml", path.join("policy.yaml")).unwrap();
    assert!(text(&Files::read(path).policy).contains("symbolic links"));
    fs::remove_file(path.join("policy.yaml")).unwrap();
    fs::write(path.join("policy.yaml"), vec![b'x'; (1 << 20) + 1]).unwrap();
    assert_eq!(text(&Files::read(path).policy), "it is larger than 1 MiB");
    fs::write(path.join("policy.d"), "").unwrap();
    assert_eq!(Files::read(path).more_policies.len(), 1);
    assert!(Files::read(path).more_policies[0].content.is_err());
}

#[test]
fn files_that_are_too_many_or_too_large_together_are_not_read() {
    let directory = plain(&TWO);
    let policies = directory.path().join("policy.d");
    fs::create_dir(&policies).unwrap();
    for n in 0..9 {
        fs::write(policies.join(format!("{n}.yaml")), vec![b'x'; 1 << 20]).unwrap();
    }
    let files = Files::read(directory.path());
    let read = files.more_policies.iter().filter(|file| file.content.is_ok()).count();
    assert_eq!((read, text(&files.more_policies[8])), (7, "all files together are larger than 8 MiB"));
    for n in 0..=100 {
        fs::write(policies.join(format!("{n}.yaml")), "").unwrap();
    }
    let files = Files::read(directory.path());
    assert_eq!(files.more_policies.len(), 1);
    assert_eq!(text(&files.more_policies[0]), "it holds more than 100 files");
}

#[test]
fn the_fingerprint_tells_every_difference() {
    let base = [("gatepost.yaml", "g"), ("policy.yaml", "p")];
    let directory = plain(&base);
    let path = directory.path();
    let mut seen = vec![Files::read(path).fingerprint()];
    let mut differs = |what: &str| {
        let now = Files::read(path).fingerprint();
        assert!(!seen.contains(&now), "{what}");
        seen.push(now);
    };
    write(path, &[("policy.yaml", "pp")]);
    differs("a longer file");
    write(path, &[("gatepost.yaml", "gp"), ("policy.yaml", "p")]);
    differs("a byte that moved to the other file");
    write(path, &[("policy.next.yaml", "")]);
    differs("a new file, though empty");
    fs::remove_file(path.join("policy.next.yaml")).unwrap();
    write(path, &[("policy.d/a.yaml", "")]);
    differs("a new policy");
    fs::rename(path.join("policy.d/a.yaml"), path.join("policy.d/b.yaml")).unwrap();
    differs("another name");
    fs::remove_file(path.join("policy.yaml")).unwrap();
    differs("a file that is gone");
    write(path, &[("policy.yaml", ABSENT)]);
    differs("a file that says what a fault would");
    let before = Files::read(path).fingerprint();
    write(path, &[("policy.yaml", ABSENT)]);
    assert_eq!(Files::read(path).fingerprint(), before, "written again");
}
