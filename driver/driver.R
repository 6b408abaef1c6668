# The R context: `R --file=driver.R` with the guest's frames on the pipes 4 and 5 (driver-r.sh).
#
# Cells run in the global environment, expression by expression: the value of each that is visible is a result, as are
# the pages that were drawn. Descriptors 1 and 2 are pipes for the context's life. SIGINT ends the running cell. Needs R
# 4.0 or later and no package beside those of R itself.

local({
  HEADER_BYTES_MAX <- 64 * 1024
  PAYLOAD_BYTES_MAX <- 32 * 1024^2
  BUNDLE_BYTES_MAX <- 24 * 1024^2
  TEXT_CHARS_MAX <- 32 * 1024
  CALLS_MAX <- 40
  EXIT_INTERRUPTED <- 130L
  PLOT <- list(width = 7, height = 5, units = "in", res = 120, type = "cairo")

  # R's own, before user code can replace them.
  really_quit <- base::quit
  own_pid <- Sys.getpid()

  state <- new.env()
  state$cell <- 0L
  state$devices <- integer()
  state$opened <- 0L
  state$running <- FALSE

  # In a debugger R does not quit.
  leave <- function(code) {
    really_quit("no", code, FALSE)
    tools::pskill(own_pid, tools::SIGKILL)
  }

  # Opened by name, with `e`: what R starts does not get them.
  incoming <- file("/dev/fd/4", "reb", raw = TRUE)
  outgoing <- file("/dev/fd/5", "web", raw = TRUE)
  parallel:::closeFD(4:5)

  # JSON -------------------------------------------------------------------------------------------------------------

  # A text as a JSON string; bytes that are no UTF-8 are replaced.
  quoted <- function(text) {
    text <- iconv(enc2utf8(text), "UTF-8", "UTF-8", sub = "\ufffd")
    text <- gsub("\\", "\\\\", text, fixed = TRUE)
    text <- gsub("\"", "\\\"", text, fixed = TRUE)
    text <- gsub("\n", "\\n", text, fixed = TRUE)
    if (grepl("[\001-\037]", text, useBytes = TRUE)) {
      for (code in 1:31) text <- gsub(intToUtf8(code), sprintf("\\u%04x", code), text, fixed = TRUE)
    }
    paste0("\"", text, "\"")
  }

  # A value as JSON: NULL, texts, numbers and truths alone, lists with names as objects, without as arrays.
  json <- function(value) {
    if (is.null(value)) return("null")
    if (is.list(value)) {
      inner <- vapply(value, json, "")
      if (is.null(names(value))) return(paste0("[", paste(inner, collapse = ","), "]"))
      return(paste0("{", paste0(vapply(names(value), quoted, ""), ":", inner, collapse = ","), "}"))
    }
    if (is.character(value)) return(quoted(value))
    if (is.logical(value)) return(if (value) "true" else "false")
    format(value, scientific = FALSE)
  }

  # The text that a JSON string, with its quotes, stands for.
  unquoted <- function(token) {
    text <- substr(token, 2L, nchar(token) - 1L)
    if (!grepl("\\", text, fixed = TRUE)) return(text)
    parts <- regmatches(text, gregexpr("\\\\u[0-9A-Fa-f]{4}|\\\\.|[^\\\\]+", text, perl = TRUE))[[1L]]
    plain <- c(n = "\n", t = "\t", r = "\r", b = "\b", f = "\f")
    one <- function(part) {
      if (!startsWith(part, "\\")) return(part)
      if (startsWith(part, "\\u")) return(intToUtf8(strtoi(substr(part, 3L, 6L), 16L)))
      letter <- substr(part, 2L, 2L)
      if (letter %in% names(plain)) plain[[letter]] else letter
    }
    paste(vapply(parts, one, ""), collapse = "")
  }

  # A header: objects within objects, of strings. What else a value may be is not looked at.
  parsed <- function(text) {
    tokens <- regmatches(text, gregexpr("\"(?:[^\"\\\\]|\\\\.)*\"|[{}]|[^\\s{}:,\"]+", text, perl = TRUE))[[1L]]
    at <- 0L
    following <- function() tokens[[at <<- at + 1L]]
    object <- function() {
      found <- list()
      while ((name <- following()) != "}") {
        token <- following()
        found[[unquoted(name)]] <- if (token == "{") object() else unquoted(token)
      }
      found
    }
    stopifnot(following() == "{")
    object()
  }

  ALPHABET <- charToRaw("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  base64 <- function(bytes) {
    if (!length(bytes)) return("")
    missing <- -length(bytes) %% 3L
    parts <- matrix(as.integer(c(bytes, raw(missing))), 3L)
    sextets <- rbind(
      parts[1L, ] %/% 4L, parts[1L, ] %% 4L * 16L + parts[2L, ] %/% 16L,
      parts[2L, ] %% 16L * 4L + parts[3L, ] %/% 64L, parts[3L, ] %% 64L
    )
    text <- ALPHABET[sextets + 1L]
    text[length(text) + 1L - seq_len(missing)] <- charToRaw("=")
    rawToChar(text)
  }

  # Frames -----------------------------------------------------------------------------------------------------------

  take <- function(count) {
    taken <- raw()
    while (length(taken) < count) {
      piece <- readBin(incoming, "raw", count - length(taken))
      if (!length(piece)) leave(0L)
      taken <- c(taken, piece)
    }
    taken
  }

  receive <- function() {
    sizes <- readBin(take(8L), "integer", 2L, endian = "little")
    stopifnot(sizes >= 0L, sizes <= c(HEADER_BYTES_MAX, PAYLOAD_BYTES_MAX))
    header <- rawToChar(take(sizes[[1L]]))
    Encoding(header) <- "UTF-8"
    list(header = parsed(header), payload = take(sizes[[2L]]))
  }

  send <- function(header, body = NULL) {
    head <- charToRaw(json(header))
    payload <- if (is.null(body)) raw() else charToRaw(json(body))
    sizes <- writeBin(c(length(head), length(payload)), raw(), endian = "little")
    writeBin(c(sizes, head, payload), outgoing)
    flush(outgoing)
  }

  # Sends a frame that the guest answers, and waits for the answer.
  exchange <- function(header, body) suspendInterrupts({
    send(header, body)
    stopifnot(receive()$header$t == "ack")
  })

  bundle <- function(body, main) {
    size <- sum(nchar(unlist(body), "bytes"))
    if (size > BUNDLE_BYTES_MAX / 2) {
      notice <- "[left out: this result has %.1f MiB, more than the 24 MiB a result may have]"
      body <- list("text/plain" = sprintf(notice, size / 1024^2))
    }
    exchange(list(t = "bundle", execution = state$execution, main = main, display_id = NULL, update = FALSE), body)
  }

  clipped <- function(text, chars_max = TEXT_CHARS_MAX) {
    text <- paste(iconv(enc2utf8(text), "UTF-8", "UTF-8", sub = "\ufffd"), collapse = "\n")
    more <- nchar(text) - chars_max
    if (more > 0) paste0(substr(text, 1L, chars_max), "\u2026 [", more, " more characters]") else text
  }

  # Plots ------------------------------------------------------------------------------------------------------------

  # What draws without a device of its own draws here: a file for each page.
  open_device <- function(...) {
    state$opened <- state$opened + 1L
    pages <- file.path(tempdir(check = TRUE), sprintf("belljar-%06d-%%06d.png", state$opened))
    do.call(grDevices::png, c(list(filename = pages), PLOT))
    state$devices <- c(state$devices, grDevices::dev.cur())
  }

  # Ends the devices of this cell, and sends the pages. A device of the user's own stays.
  send_plots <- function() suspendInterrupts({
    current <- grDevices::dev.cur()
    open <- grDevices::dev.list()
    for (device in intersect(state$devices, open[names(open) == "png"])) grDevices::dev.off(device)
    if (current %in% grDevices::dev.list()) grDevices::dev.set(current)
    state$devices <- integer()
    for (page in list.files(tempdir(), "^belljar-[0-9-]+\\.png$", full.names = TRUE)) {
      bytes <- readBin(page, "raw", file.size(page))
      unlink(page)
      bundle(list("image/png" = base64(bytes)), FALSE)
    }
  })

  # Errors -----------------------------------------------------------------------------------------------------------

  fault <- function(name, message, traceback, line = NULL, syntax = FALSE, import = FALSE) {
    traceback <- lapply(traceback, clipped, 2000L)
    list(
      name = clipped(name, 200L), message = clipped(message), traceback = unname(traceback), line = line, errno = NULL,
      syntax = syntax, import = import
    )
  }

  interruption <- function() fault("KeyboardInterrupt", "interrupted", "KeyboardInterrupt: interrupted")

  # A call as a line, without the data that it may contain.
  call_text <- function(call) clipped(deparse(call, width.cutoff = 100L, nlines = 1L)[[1L]], 200L)

  is_own <- function(call) is.call(call) && (identical(call, OWN_CALL) || identical(call[[1L]], quote(withVisible)))

  # What R writes before the message of an error or a warning.
  introduction <- function(word, condition) {
    call <- conditionCall(condition)
    if (is.null(call) || is_own(call)) paste0(word, ": ") else paste0(word, " in ", call_text(call), " : ")
  }

  # Where in a cell a call is, as text and line; NULL where it is not in one.
  place <- function(call) {
    source <- attr(call, "srcref")
    name <- if (is.null(source)) "" else attr(source, "srcfile")$filename
    if (startsWith(name, "<cell ")) list(cell = name, line = source[[1L]])
  }

  # The error of a condition: `calls` led to it, `line` is that of the expression that was evaluated.
  fault_of <- function(condition, calls, line) {
    message <- conditionMessage(condition)
    name <- class(condition)[[1L]]
    if (startsWith(message, "cannot allocate ") && name == "simpleError") name <- "MemoryError"
    places <- lapply(calls, place)
    here <- Filter(function(at) identical(at$cell, state$name), places)
    if (length(here)) line <- here[[length(here)]]$line
    # What R itself puts between an error and whoever handles it is no news.
    own <- vapply(calls, function(call) identical(call[[1L]], quote(.handleSimpleError)), NA)
    shown <- function(call, at) paste0(call_text(call), if (!is.null(at)) paste0(" at ", at$cell, ":", at$line))
    lines <- mapply(shown, calls[!own], places[!own])
    if (length(lines) > CALLS_MAX) {
      left_out <- sprintf("[%d more calls]", length(lines) - CALLS_MAX)
      lines <- c(utils::head(lines, CALLS_MAX / 2), left_out, utils::tail(lines, CALLS_MAX / 2))
    }
    said <- paste0(introduction("Error", condition), message)
    fault(name, message, c(lines, said), line, import = inherits(condition, "packageNotFoundError"))
  }

  # The error of code that does not parse: R says `<cell 1>:2:3: what is wrong`, and the lines up to there.
  syntax_fault <- function(message, code) {
    parts <- regmatches(message, regexec("^<cell [0-9]+>:([0-9]+):[0-9]+: ([^\n]*)", message))[[1L]]
    if (!length(parts)) return(fault("SyntaxError", message, paste0("SyntaxError: ", message), syntax = TRUE))
    line <- min(as.integer(parts[[2L]]), max(1L, length(code)))
    traceback <- c(strsplit(message, "\n", fixed = TRUE)[[1L]], paste0("SyntaxError: ", parts[[3L]]))
    fault("SyntaxError", parts[[3L]], traceback, line, syntax = TRUE)
  }

  # Cells ------------------------------------------------------------------------------------------------------------

  # Evaluates one expression as at top level. How this call looks, errors that it is named in say.
  evaluated <- function(expression) withVisible(eval(expression, globalenv()))
  OWN_CALL <- quote(eval(expression, globalenv()))
  OWN_CALLS <- evaluated(quote(sys.nframe()))$value - sys.nframe()

  # A value as R prints it; NULL where it goes elsewhere, or is no text but a plot.
  printed <- function(value) {
    show <- function() eval(quote(base::print(x)), list(x = value), globalenv())
    depth <- sink.number()
    if (depth > 0L) return({show(); NULL})
    sunk <- rawConnection(raw(), "w")
    sink(sunk)
    on.exit({
      while (sink.number() > depth) sink()
      close(sunk)
    })
    show()
    while (sink.number() > depth) sink()
    text <- rawToChar(rawConnectionValue(sunk))
    Encoding(text) <- "UTF-8"
    if (nzchar(text)) sub("\n$", "", text)
  }

  # As at R's top level, but at once.
  warn <- function(condition) {
    level <- getOption("warn")
    if (is.numeric(level) && level >= 2) return()
    if (!is.numeric(level) || level >= 0) {
      cat(introduction("Warning", condition), conditionMessage(condition), "\n", sep = "", file = stderr())
    }
    invokeRestart("muffleWarning")
  }

  run <- function(code) {
    source <- srcfilecopy(state$name, code)
    expressions <- tryCatch(
      parse(text = code, keep.source = TRUE, srcfile = source, encoding = "UTF-8"),
      error = function(error) return(syntax_fault(conditionMessage(error), code))
    )
    if (!is.expression(expressions)) return(list(fault = expressions))
    sources <- attr(expressions, "srcref")
    calls <- list()
    line <- NULL
    # What is evaluated inside is deeper by as many calls as there are here.
    each <- function() for (at in seq_along(expressions)) {
      line <<- sources[[at]][[1L]]
      depth <<- sys.nframe() + OWN_CALLS
      shown <- evaluated(expressions[[at]])
      if (!shown$visible) next
      text <- printed(shown$value)
      last <- at == length(expressions)
      if (last) send_plots()
      if (!is.null(text)) bundle(list("text/plain" = text), last)
    }
    depth <- 0L
    caught <- function(error) calls <<- sys.calls()
    tryCatch(
      {
        withCallingHandlers(allowInterrupts(each()), error = caught, warning = warn)
        NULL
      },
      error = function(error) {
        calls <- utils::head(utils::tail(calls, -depth), -1L)
        list(fault = fault_of(error, calls, line))
      },
      interrupt = function(interrupt) list(fault = interruption())
    )
  }

  # Sets variables of the environment; returns what puts back those that were there before.
  borrow <- function(variables) {
    if (!length(variables)) return(function() NULL)
    before <- Sys.getenv(names(variables), NA, names = TRUE)
    do.call(Sys.setenv, variables)
    function() {
      Sys.unsetenv(names(before)[is.na(before)])
      kept <- as.list(before[!is.na(before)])
      if (length(kept)) do.call(Sys.setenv, kept)
    }
  }

  # The lines of a payload, or an error.
  decoded <- function(payload) {
    wrong <- function(why) fault("SyntaxError", why, paste0("SyntaxError: ", why), syntax = TRUE)
    if (any(payload == 0L)) return(wrong("the code contains a NUL byte, which R cannot hold"))
    code <- rawToChar(payload)
    if (!validUTF8(code)) return(wrong("the code is not UTF-8"))
    Encoding(code) <- "UTF-8"
    strsplit(gsub("\r\n", "\n", code, fixed = TRUE), "\n", fixed = TRUE)[[1L]]
  }

  execute <- function(header, payload) {
    state$cell <- state$cell + 1L
    state$name <- sprintf("<cell %d>", state$cell)
    state$execution <- header$execution
    # An interrupt that came when nothing ran.
    tryCatch(allowInterrupts(Sys.sleep(0)), interrupt = function(interrupt) NULL)
    send(list(t = "begun", execution = state$execution))
    give_back <- borrow(header$env)
    code <- decoded(payload)
    state$running <- TRUE
    outcome <- if (is.list(code)) list(fault = code) else withRestarts(
      run(code),
      belljar_exit = function(code) list(exit = code), abort = function() list(exit = 1L)
    )
    state$running <- FALSE
    send_plots()
    give_back()
    status <- "ok"
    exit_code <- 0L
    if (!is.null(outcome$fault)) {
      status <- "error"
      exit_code <- if (outcome$fault$name == "KeyboardInterrupt") EXIT_INTERRUPTED else 1L
      exchange(list(t = "error", execution = state$execution), outcome$fault)
    } else if (!is.null(outcome$exit)) {
      status <- "exit"
      exit_code <- outcome$exit
    }
    send(list(t = "done", execution = state$execution, status = status, exit_code = exit_code))
  }

  # `quit()` ends the cell, not the context; in a process of its own, such as of `parallel`, that process.
  quit_cell <- function(save = "default", status = 0, runLast = TRUE) {
    if (state$running && Sys.getpid() == own_pid) {
      invokeRestart("belljar_exit", as.integer(status) %% 256L)
    }
    really_quit(save, status, runLast)
  }
  # Closes all but the connections of the frames.
  close_all <- function() {
    while (sink.number() > 0L) sink()
    if (sink.number("message") != 2L) sink(type = "message")
    for (number in setdiff(getAllConnections(), c(0:2, incoming, outgoing))) close(getConnection(number))
  }
  # Nobody types here.
  browse <- function(...) invisible(NULL)
  replaced <- list(quit = quit_cell, q = quit_cell, closeAllConnections = close_all, browser = browse)
  for (name in names(replaced)) {
    unlockBinding(name, baseenv())
    assign(name, replaced[[name]], baseenv())
    lockBinding(name, baseenv())
  }

  if (capabilities("cairo")) options(device = open_device)
  options(menu.graphics = FALSE)
  tools::Rd2txt_options(underline_titles = FALSE)
  Sys.umask("022")
  suspendInterrupts({
    send(list(t = "hello", pid = own_pid, walls = list()))
    tryCatch(
      repeat {
        frame <- receive()
        stopifnot(frame$header$t == "execute", is.character(frame$header$execution))
        execute(frame$header, frame$payload)
      },
      error = function(error) leave(1L)
    )
  })
})
