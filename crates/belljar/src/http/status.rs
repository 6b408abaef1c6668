//! Which HTTP status an error has: 4xx where the caller can do something about it, 5xx where only we can.

use axum::http::StatusCode;
use desk::DeskError;
use interpreter::{Error, FileError, template::TemplateError};

/// The status of an error.
pub fn of(error: &DeskError) -> StatusCode {
    match error {
        DeskError::Interpreter(error) => of_interpreter(error),
        DeskError::Journal(error) => match error.code() {
            "answer_unknown" => StatusCode::NOT_FOUND,
            "answer_id" | "answer_ambiguous" => StatusCode::BAD_REQUEST,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        },
        DeskError::NoJournal | DeskError::NotFound { .. } => StatusCode::NOT_FOUND,
        DeskError::Request { .. } => StatusCode::BAD_REQUEST,
        DeskError::Conflict { .. } => StatusCode::CONFLICT,
        DeskError::Busy { .. }
        | DeskError::TooFast { .. }
        | DeskError::SandboxesFull { .. }
        | DeskError::CpuUsedUp { .. } => StatusCode::TOO_MANY_REQUESTS,
        DeskError::Forbidden { .. } => StatusCode::FORBIDDEN,
        DeskError::NotTheSame => StatusCode::UNPROCESSABLE_ENTITY,
        DeskError::Closing => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn of_interpreter(error: &Error) -> StatusCode {
    match error {
        Error::Limits(_) | Error::Request { .. } | Error::UnknownBackend { .. } => StatusCode::BAD_REQUEST,
        Error::NotFound { .. } => StatusCode::NOT_FOUND,
        Error::ContextBusy { .. }
        | Error::StdinClosed { .. }
        | Error::ForkRefused { .. }
        | Error::ForkUnsupported { .. } => StatusCode::CONFLICT,
        Error::Denied { .. } => StatusCode::FORBIDDEN,
        Error::Program { .. } => StatusCode::BAD_REQUEST,
        Error::ContextLost { .. } | Error::SandboxLost { .. } => StatusCode::GONE,
        Error::Template(TemplateError::Unknown(_)) => StatusCode::BAD_REQUEST,
        Error::Template(_)
        | Error::Start(_)
        | Error::Image(_)
        | Error::Guest { .. }
        | Error::WallsDown { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::File(error) => of_file(error),
        Error::BelowRequired { .. } | Error::CpuUnmeasured => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn of_file(error: &FileError) -> StatusCode {
    match error {
        FileError::Path { .. } | FileError::Source { .. } | FileError::TooMany { .. } => {
            StatusCode::BAD_REQUEST
        }
        FileError::Refused { errno, .. } => match errno {
            2 => StatusCode::NOT_FOUND,
            1 | 13 | 30 => StatusCode::FORBIDDEN,
            16 | 17 | 20 | 21 | 39 => StatusCode::CONFLICT,
            28 | 122 => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::BAD_REQUEST,
        },
        FileError::Sink { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        FileError::Answer { .. } => StatusCode::BAD_GATEWAY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn files_have_the_status_of_their_error_number() {
        for (errno, status) in [(2, 404), (13, 403), (17, 409), (21, 409), (28, 507), (22, 400)] {
            let error = FileError::Refused { message: String::new(), errno };
            assert_eq!(of(&Error::from(error).into()).as_u16(), status, "{errno}");
        }
    }

    #[test]
    fn waiting_is_not_an_error_of_ours() {
        let rows = [
            (DeskError::TooFast { retry_after: Duration::ZERO }, 429),
            (DeskError::SandboxesFull { count: 3, retry_after: Duration::ZERO }, 429),
            (DeskError::Closing, 503),
            (DeskError::NotTheSame, 422),
            (Error::CpuUnmeasured.into(), 422),
            (Error::from(TemplateError::Unknown("x".into())).into(), 400),
        ];
        for (error, status) in rows {
            assert_eq!(of(&error).as_u16(), status, "{error}");
        }
    }
}
