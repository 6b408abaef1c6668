//! Placeholder until merged.
use super::Template;
pub const FORMAT: u32 = 1;
pub fn write(_t: &Template, _d: &std::path::Path, _o: impl std::io::Write) -> std::io::Result<()> {
    Ok(())
}
