//! A directory that looks and changes as a mounted ConfigMap does.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Result;
use crate::error::Doing as _;

/// `name -> ..data/name` for each file, `..data -> ..2026_11_23_…/`, and the files in there: the kubelet's
/// layout. A name may have directories before it, as `items` of a volume can say: then the link is the first
/// directory's.
pub struct ConfigDir {
    directory: TempDir,
    swaps: u32,
}

impl ConfigDir {
    /// Mounts these files: pairs of name and content.
    pub fn mount(files: &[(&str, &str)]) -> Result<Self> {
        let directory = tempfile::tempdir().doing(|| "cannot make a temporary directory".into())?;
        let mut mounted = Self { directory, swaps: 0 };
        mounted.swap(files)?;
        Ok(mounted)
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Replaces all files by these, in the order of the kubelet's atomic writer: a new timestamped directory
    /// is written, `..data_tmp` links to it, a rename puts that in the place of `..data`, links of new files
    /// appear, those of removed files go, and last the old directory goes.
    pub fn swap(&mut self, files: &[(&str, &str)]) -> Result<()> {
        self.swap_and(files, |_| Ok(()))
    }

    /// As [`ConfigDir::swap`]; `spoil` may do to the new directory what no kubelet does.
    pub fn swap_and(
        &mut self,
        files: &[(&str, &str)],
        spoil: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<()> {
        self.try_swap(files, spoil).doing(|| format!("cannot swap the files of {}", self.path().display()))
    }

    fn try_swap(
        &mut self,
        files: &[(&str, &str)],
        spoil: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<()> {
        let data = self.path().join("..data");
        let old = fs::read_link(&data).ok();
        let new = self.write(files)?;
        spoil(&self.path().join(&new))?;
        let link = self.path().join("..data_tmp");
        symlink(&new, &link)?;
        fs::rename(&link, &data)?;
        self.link_added(files)?;
        self.unlink_removed(files)?;
        old.map_or(Ok(()), |old| fs::remove_dir_all(self.path().join(old)))
    }

    fn write(&mut self, files: &[(&str, &str)]) -> io::Result<PathBuf> {
        // The kubelet's name is the time and a random number; ours counts, so that two are never the same.
        let name = PathBuf::from(format!("..2026_11_23_17_08_00.{:010}", self.swaps));
        self.swaps += 1;
        let new = self.path().join(&name);
        fs::create_dir(&new)?;
        for (file, content) in files {
            let path = new.join(file);
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(path, content)?;
        }
        Ok(name)
    }

    fn link_added(&self, files: &[(&str, &str)]) -> io::Result<()> {
        let missing = |name: &&str| !self.path().join(name).is_symlink();
        let names: BTreeSet<_> = files.iter().map(|(file, _)| first_part(file)).filter(missing).collect();
        names.into_iter().try_for_each(|name| symlink(Path::new("..data").join(name), self.path().join(name)))
    }

    fn unlink_removed(&self, files: &[(&str, &str)]) -> io::Result<()> {
        for entry in fs::read_dir(self.path())? {
            let name = entry?.file_name();
            let ours = name.as_encoded_bytes().starts_with(b"..");
            if !ours && !files.iter().any(|(file, _)| name == first_part(file)) {
                fs::remove_file(self.path().join(name))?;
            }
        }
        Ok(())
    }
}

fn first_part(file: &str) -> &str {
    file.split('/').next().unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &ConfigDir) -> Vec<String> {
        let entries = fs::read_dir(directory.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn mounts_files_behind_two_links() {
        let mounted = ConfigDir::mount(&[("policy.yaml", "rules: []")]).unwrap();
        assert_eq!(
            fs::read_link(mounted.path().join("policy.yaml")).unwrap(),
            Path::new("..data/policy.yaml")
        );
        let target = fs::read_link(mounted.path().join("..data")).unwrap();
        assert!(target.to_str().unwrap().starts_with("..20"), "{target:?}");
        assert_eq!(fs::read_to_string(mounted.path().join("policy.yaml")).unwrap(), "rules: []");
    }

    #[test]
    fn swaps_to_new_files_and_leaves_nothing_of_the_old() {
        let mut mounted = ConfigDir::mount(&[("a", "1"), ("b", "1")]).unwrap();
        let old = fs::read_link(mounted.path().join("..data")).unwrap();
        mounted.swap(&[("a", "2"), ("c", "2")]).unwrap();
        let new = fs::read_link(mounted.path().join("..data")).unwrap();
        assert_ne!(old, new);
        assert_eq!(names(&mounted), [new.to_str().unwrap(), "..data", "a", "c"]);
        assert_eq!(fs::read_to_string(mounted.path().join("a")).unwrap(), "2");
    }

    #[test]
    fn the_link_of_a_file_that_stays_is_not_touched() {
        let mut mounted = ConfigDir::mount(&[("a", "1")]).unwrap();
        let before = fs::symlink_metadata(mounted.path().join("a")).unwrap().modified().unwrap();
        mounted.swap(&[("a", "2")]).unwrap();
        assert_eq!(fs::symlink_metadata(mounted.path().join("a")).unwrap().modified().unwrap(), before);
    }

    #[test]
    fn links_a_directory_of_files_once_and_takes_it_away_with_the_last() {
        let mut mounted = ConfigDir::mount(&[("a", "1"), ("d/x", "2"), ("d/y", "3")]).unwrap();
        assert_eq!(fs::read_link(mounted.path().join("d")).unwrap(), Path::new("..data/d"));
        assert_eq!(fs::read_to_string(mounted.path().join("d/y")).unwrap(), "3");
        mounted.swap(&[("a", "1")]).unwrap();
        assert!(!mounted.path().join("d").is_symlink());
    }
}
