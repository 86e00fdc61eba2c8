//! Whether a failed statement failed on its data or on the state of the world.

/// SQLSTATE class 22 (data exception), 23 (integrity violation) or 54 (program limit exceeded: too long for an index, too deep):
/// the same data will fail again. Classes are PostgreSQL's, appendix A of its manual.
#[must_use]
pub fn is_data_fault(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
}

/// Whether the statement broke the named constraint.
#[must_use]
pub fn is_violation_of(error: &sqlx::Error, constraint: &str) -> bool {
    error.as_database_error().and_then(|error| error.constraint()) == Some(constraint)
}
