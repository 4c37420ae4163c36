"""What a log says."""

from __future__ import annotations

from tests.diagnosis.scenes.base import CRASHES, READY, scene
from tests.diagnosis.snapshots import Snap, snap


@scene("dns-failure", "crash-loop")
def a_name_that_does_not_resolve() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            "connecting to redis",
            'could not translate host name "redis.shop.svc" to address: Name or service not known',
        )
    )


@scene("dns-failure", "crash-loop")
def a_name_that_go_cannot_resolve() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log("dial tcp: lookup payments.shop.svc.cluster.local on 10.96.0.10:53: no such host")
    )


@scene("certificate-expired", "crash-loop")
def a_certificate_that_has_expired() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            'Get "https://payments.acme.example/": tls: failed to verify: x509: certificate has expired or is '
            "not yet valid: current time 2026-03-14T02:09:00Z is after 2026-03-13T00:00:00Z"
        )
    )


@scene("certificate-unknown-authority", "crash-loop")
def a_certificate_of_an_unknown_authority() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log('Get "https://payments.acme.example/": x509: certificate signed by unknown authority')
    )


@scene("certificate-unknown-authority", "readiness-never-true")
def an_untrusted_certificate_keeps_java_from_getting_ready() -> Snap:
    said = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    return (
        snap()
        .app(container=READY)
        .event("Unhealthy", said, container="app")
        .log(
            "javax.net.ssl.SSLHandshakeException: PKIX path building failed: unable to find valid certification path",
            previous=False,
        )
    )


@scene("connection-refused", "crash-loop")
def a_database_that_refuses() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            "starting api 2.4.1",
            'connection to server at "db.shop.svc" (10.2.0.9), port 5432 failed: Connection refused',
        )
    )


@scene("connection-timeout", "crash-loop")
def a_queue_that_does_not_answer() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log("dial tcp 10.40.0.12:5672: i/o timeout", "cannot reach the broker, giving up")
    )


@scene("login-refused", "crash-loop")
def a_password_that_was_rotated() -> Snap:
    return (
        snap().app(**CRASHES, ended=("Error", 1)).log('FATAL:  password authentication failed for user "api"')
    )


@scene("disk-full", "crash-loop")
def a_volume_without_room() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log("OSError: [Errno 28] No space left on device: '/data/wal/000041.log'")
    )


@scene("connection-refused", "traceback", "crash-loop")
def a_refused_connection_that_ends_in_a_traceback() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            "Traceback (most recent call last):",
            '  File "/app/pool.py", line 7, in connect',
            "    sock.connect((host, port))",
            "ConnectionRefusedError: [Errno 111] Connection refused",
            "",
            "During handling of the above exception, another exception occurred:",
            "",
            "Traceback (most recent call last):",
            '  File "/app/main.py", line 3, in <module>',
            "    start()",
            "RuntimeError: cannot start",
        )
    )


@scene("traceback", "crash-loop")
def a_python_traceback() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            "reading settings",
            "Traceback (most recent call last):",
            '  File "/app/main.py", line 3, in <module>',
            "    port = int(os.environ['PORT'])",
            "KeyError: 'PORT'",
            "see https://docs.acme.example for help",
        )
    )


@scene("traceback", "crash-loop")
def a_go_panic() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 2))
        .log(
            "listening on :8080",
            "panic: runtime error: invalid memory address or nil pointer dereference",
            "goroutine 1 [running]:",
            "main.main()",
        )
    )


@scene("traceback", "crash-loop")
def a_java_exception_with_a_deeper_cause() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            'Exception in thread "main" java.lang.IllegalStateException: cannot start',
            "    at com.acme.Main.main(Main.java:10)",
            "Caused by: java.lang.NullPointerException: settings.url is null",
            "    at com.acme.Settings.load(Settings.java:42)",
        )
    )


@scene("traceback", "crash-loop")
def a_node_error() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            "TypeError: Cannot read properties of undefined (reading 'port')",
            "    at Object.<anonymous> (/app/index.js:3:22)",
            "    at Module._compile (node:internal/modules/cjs/loader:1256:14)",
        )
    )


@scene("connection-refused", "crash-loop")
def a_database_that_refuses_told_in_json() -> Snap:
    told = (
        '{"time":"2026-03-14T02:08:00Z","level":"ERROR","logger":"pool","request_id":"'
        + "0123456789abcdef" * 24
        + '","msg":"cannot connect","error":"dial tcp 10.2.0.9:5432: connect: connection refused"}'
    )
    return snap().app(**CRASHES, ended=("Error", 1)).log('{"level":"INFO","msg":"starting"}', told)


@scene("traceback", "crash-loop")
def a_traceback_inside_a_line_of_json() -> Snap:
    told = (
        '{"level": "critical", "event": "crashed", "exception": "Traceback (most recent call last):'
        '\\n  File \\"/app/main.py\\", line 3, in <module>\\n    raise ValueError(1)'
        '\\nValueError: the port is no number"}'
    )
    return snap().app(**CRASHES, ended=("Error", 1)).log(told)


@scene("traceback", "crash-loop")
def a_traceback_behind_times_and_colours() -> Snap:
    when = "2026-03-14T02:08:00.123Z \x1b[31mERROR\x1b[0m "
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            f"{when}Traceback (most recent call last):",
            f'{when}  File "/app/main.py", line 3, in <module>',
            f"{when}    import shop",
            f"{when}ModuleNotFoundError: No module named 'shop'",
        )
    )


@scene("traceback", "crash-loop")
def a_rust_panic() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 101))
        .log(
            "thread 'main' panicked at src/settings.rs:41:10:",
            "DATABASE_URL must be set: NotPresent",
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
        )
    )


@scene("traceback", "crash-loop")
def a_spring_application_that_does_not_start() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            "2026-03-14 02:08:00.100 ERROR 1 --- [main] o.s.boot.SpringApplication : Application run failed",
            "",
            "org.springframework.beans.factory.BeanCreationException: Error creating bean with name 'repository'",
            "\tat org.springframework.beans.Factory.create(Factory.java:10)",
            "Caused by: java.lang.IllegalArgumentException: no property 'region' found",
            "\tat com.acme.Region.of(Region.java:7)",
            "\t... 12 more",
        )
    )


@scene("traceback", "crash-loop")
def a_dotnet_exception() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 134))
        .log(
            "Unhandled exception. System.ArgumentNullException: Value cannot be null. (Parameter 'connectionString')",
            "   at Acme.Program.Main(String[] args) in /src/Program.cs:line 12",
        )
    )


@scene("traceback", "crash-loop")
def a_ruby_exception() -> Snap:
    return (
        snap()
        .app(**CRASHES, ended=("Error", 1))
        .log(
            '/app/config.rb:12:in `fetch\': key not found: "REDIS_URL" (KeyError)',
            "\tfrom /app/main.rb:3:in `<main>'",
        )
    )


@scene("dns-failure", "crash-loop")
def what_it_left_when_it_ended_and_no_log() -> Snap:
    made = snap().app(**CRASHES, ended=("Error", 1))
    pod = made.items["pod/api-1"].body
    ended = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
    ended["message"] = "fatal: lookup kafka.shop.svc.cluster.local on 10.96.0.10:53: no such host"
    return made


@scene("connection-refused", "liveness-kills", "crash-loop")
def killed_by_its_probe_because_its_database_is_away() -> Snap:
    said = "Liveness probe failed: HTTP probe failed with statuscode: 503"
    made = snap().app(ended=("Error", 137), restarts=5).event("Unhealthy", said, container="app")
    return made.log("serving", "pool: dial tcp db.shop:5432: connect: connection refused")


@scene("certificate-expired", "readiness-never-true")
def a_certificate_that_has_expired_told_by_node() -> Snap:
    said = "Readiness probe failed: HTTP probe failed with statuscode: 500"
    made = snap().app(container=READY).event("Unhealthy", said, container="app")
    return made.log(
        "FetchError: request to https://auth.acme.example/keys failed, reason: certificate has expired",
        previous=False,
    )
