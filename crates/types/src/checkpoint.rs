/// How much of the log a checkpoint copies to data files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CheckpointScope {
    /// What is still needed: a document that is replaced while the checkpoint is made is left to the
    /// next one.
    #[default]
    Needed,
    /// All of the state at which it begins: a backup then finds everything of one version in the data
    /// files that the manifest names behind it.
    Whole,
}
