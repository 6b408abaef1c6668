//! Images made of programs of this host, and what a container engine tells of itself: found without the product's help.

use bollard::query_parameters::{
    CreateImageOptionsBuilder, ListContainersOptionsBuilder, RemoveImageOptionsBuilder,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::TryStreamExt;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// An engine, spoken to from a test.
pub struct Talk {
    docker: Docker,
    runtime: tokio::runtime::Runtime,
}

impl Talk {
    /// With the engine at this socket.
    pub fn with(socket: &Path) -> Talk {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let docker = runtime.block_on(async {
            let docker = Docker::connect_with_unix(&socket.to_string_lossy(), 60, API_DEFAULT_VERSION);
            docker.unwrap().negotiate_version().await.unwrap()
        });
        Talk { docker, runtime }
    }

    /// Imports these files of this host as an image of this name.
    pub fn import(&self, name: &str, files: &BTreeSet<PathBuf>) -> Image<'_> {
        self.import_with(name, files, &[])
    }

    /// The same, with lines of a Dockerfile.
    pub fn import_with(&self, name: &str, files: &BTreeSet<PathBuf>, lines: &[&str]) -> Image<'_> {
        let body = bollard::body_full(archive(files).into());
        let options = CreateImageOptionsBuilder::default().from_src("-").repo(name);
        let options = options.changes(lines.iter().map(|line| (*line).to_owned()).collect()).build();
        let import = self.docker.create_image(Some(options), Some(body), None).try_collect::<Vec<_>>();
        self.runtime.block_on(import).unwrap();
        Image { talk: self, name: name.to_owned() }
    }

    /// The id of an image, where there is one.
    pub fn image(&self, name: &str) -> Option<String> {
        self.runtime.block_on(self.docker.inspect_image(name)).ok()?.id
    }

    /// All containers of Belljar's, also dead ones, or those of one process: their names.
    pub fn containers(&self, of: Option<u32>) -> Vec<String> {
        let filters = HashMap::from([("label".to_owned(), vec!["belljar.owner".to_owned()])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let list = || self.runtime.block_on(self.docker.list_containers(Some(options.clone())));
        let end = Instant::now() + Duration::from_secs(10);
        let all = loop {
            match list() {
                // Podman has words of its own for those that are about to go.
                Err(bollard::errors::Error::JsonDataError { .. }) if Instant::now() < end => {}
                found => break found.unwrap(),
            }
        };
        let owned = |labels: &HashMap<String, String>| {
            of.is_none_or(|pid| labels["belljar.owner"].starts_with(&format!("{pid}-")))
        };
        let found = all.into_iter().filter(|one| one.labels.as_ref().is_some_and(owned));
        found.flat_map(|one| one.names.unwrap_or_default()).collect()
    }
}

/// An image that goes when the test ends.
pub struct Image<'a> {
    talk: &'a Talk,
    pub name: String,
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        let options = RemoveImageOptionsBuilder::default().force(true).build();
        let _ = self.talk.runtime.block_on(self.talk.docker.remove_image(&self.name, Some(options), None));
    }
}

/// A program or library of this host and all libraries that it needs.
pub fn with_libraries(program: &Path) -> BTreeSet<PathBuf> {
    let output = Command::new("ldd").arg(program).output().expect("start ldd");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let paths = text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    paths.chain([program.to_owned()]).collect()
}

/// Where a program is on this host.
pub fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// This host's Python, where containers look for programs, and all of it with its standard library.
pub fn python() -> Option<(PathBuf, BTreeSet<PathBuf>)> {
    let folders = ["/usr/local/bin", "/usr/bin", "/bin"];
    let program =
        folders.map(|folder| Path::new(folder).join("python3")).into_iter().find(|path| path.is_file())?;
    let code = "import sysconfig; print(*{sysconfig.get_path('stdlib'), sysconfig.get_path('platstdlib')}, sep='\\n')";
    let output = Command::new(&program).args(["-I", "-c", code]).output().ok()?;
    let mut files = with_libraries(&program);
    let mut folders: Vec<PathBuf> =
        String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let left_out = ["test", "dist-packages", "site-packages", "__pycache__"];
            if path.is_dir() && !left_out.iter().any(|left_out| *left_out == name) {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "so") {
                files.extend(with_libraries(&path));
            } else if path.is_file() {
                files.insert(path);
            }
        }
    }
    Some((program, files))
}

fn archive(files: &BTreeSet<PathBuf>) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    // What is a link here is a file there.
    tar.follow_symlinks(true);
    for path in files {
        tar.append_path_with_name(path, path.strip_prefix("/").unwrap()).unwrap();
    }
    tar.into_inner().unwrap()
}
