"""Containers that end again and again, and images that are not pulled."""

from __future__ import annotations

from tests.diagnosis.scenes.base import CRASHES, scene
from tests.diagnosis.snapshots import Snap, snap, status_of


@scene("crash-loop")
def a_crash_loop_that_says_nothing() -> Snap:
    return snap().app(**CRASHES, ended=("Error", 1))


@scene("crash-loop")
def a_crash_loop_that_ends_with_success() -> Snap:
    return snap().app(**CRASHES, ended=("Completed", 0)).log("starting", "nothing to do, bye")


@scene("crash-loop")
def it_restarts_often_and_runs_at_this_moment() -> Snap:
    return snap().app(ended=("Error", 2), restarts=9)


@scene("oom-killed")
def out_of_memory_in_a_crash_loop() -> Snap:
    limits = {"resources": {"limits": {"memory": "256Mi"}}}
    return snap().app(container=limits, **CRASHES, ended=("OOMKilled", 137)).log("loading 4 GB of products")


@scene("oom-killed", besides=())
def out_of_memory_and_serving_again() -> Snap:
    return snap().app(ready=True, ended=("OOMKilled", 137), restarts=2).endpoints("api", addresses=1)


@scene("oom-killed")
def out_of_memory_in_an_init_container() -> Snap:
    return snap().init(**CRASHES, ended=("OOMKilled", 137))


@scene("init-container-failing")
def an_init_container_that_fails() -> Snap:
    return snap().init(**CRASHES, ended=("Error", 3)).log("migration 0042 failed", container="migrate")


@scene("init-container-failing")
def an_init_container_that_just_failed() -> Snap:
    return snap().init(terminated=True, ended=("Error", 1))


@scene("connection-refused", "init-container-failing")
def an_init_container_that_waits_for_its_database() -> Snap:
    return (
        snap()
        .init(**CRASHES, ended=("Error", 1))
        .log(
            "waiting for db:5432 …",
            "dial tcp 10.2.0.7:5432: connect: connection refused",
            container="migrate",
        )
    )


@scene("image-absent")
def an_image_that_is_not_there() -> Snap:
    says = 'Back-off pulling image "registry.acme.example/api:2"'
    return (
        snap()
        .app(waiting="ImagePullBackOff", says=says)
        .event(
            "Failed",
            'Failed to pull image "registry.acme.example/api:2": rpc error: code = NotFound desc = failed to pull and '
            'unpack image "registry.acme.example/api:2": failed to resolve reference: registry.acme.example/api:2: '
            "not found",
            container="app",
        )
    )


@scene("image-absent")
def a_tag_that_was_never_pushed() -> Snap:
    return snap().app(
        waiting="ErrImagePull", says="manifest for registry.acme.example/api:2 not found: manifest unknown"
    )


@scene("image-absent")
def an_image_that_must_be_on_the_node() -> Snap:
    says = 'Container image "registry.acme.example/api:2" is not present with pull policy of Never'
    return snap().app(waiting="ErrImageNeverPull", says=says)


@scene("image-unauthorised")
def a_registry_that_wants_a_login() -> Snap:
    return (
        snap()
        .app(waiting="ImagePullBackOff", says="Back-off pulling image")
        .event(
            "Failed",
            "Failed to pull image: failed to authorize: failed to fetch anonymous token: unexpected status from GET "
            "request to https://auth.acme.example/token: 401 Unauthorized",
        )
    )


@scene("image-unauthorised")
def a_registry_that_will_not_tell_whether_the_image_is_there() -> Snap:
    return snap().app(
        waiting="ErrImagePull",
        says="pull access denied, repository does not exist or may require authorization: server message: "
        "insufficient_scope: authorization failed",
    )


@scene("image-timeout")
def a_registry_that_does_not_answer() -> Snap:
    return snap().app(
        waiting="ErrImagePull",
        says='failed to do request: Head "https://registry.acme.example/v2/api/manifests/2": dial tcp '
        "10.9.0.1:443: i/o timeout",
    )


@scene("image-timeout")
def a_registry_whose_name_does_not_resolve() -> Snap:
    return snap().app(
        waiting="ErrImagePull", says="dial tcp: lookup registry.acme.example on 10.96.0.10:53: no such host"
    )


@scene("image-bad-name")
def a_name_no_image_can_have() -> Snap:
    says = 'Failed to apply default image tag "registry.acme.example/API:2": couldn\'t parse image name: repository '
    return snap().app(waiting="InvalidImageName", says=f"{says}name must be lowercase")


@scene("image-rate-limited")
def a_registry_that_has_had_enough() -> Snap:
    said = (
        'Failed to pull image "docker.io/acme/api:2": failed to pull and unpack image: unexpected status code 429 Too '
        "Many Requests - Server message: toomanyrequests: You have reached your unauthenticated pull rate limit."
    )
    return snap().app(waiting="ErrImagePull", says="").event("Failed", said, container="app")


@scene("crash-loop")
def a_command_that_is_not_there() -> Snap:
    return snap().app(**CRASHES, ended=("Error", 127)).log("/bin/sh: serve: not found")


@scene("crash-loop", besides=())
def a_sidecar_that_crashes_beside_a_container_that_is_well() -> Snap:
    statuses = [
        status_of("app", ready=True),
        status_of("proxy", waiting="CrashLoopBackOff", ended=("Error", 1), restarts=12),
    ]
    made = snap().pod(containerStatuses=statuses)
    return made.without("service/api", "endpoints/api").log("bind: permission denied", container="proxy")


@scene("oom-killed", "job-failed")
def finite_work_that_ran_out_of_memory() -> Snap:
    made = snap("Job", replicas=0).without("service/api", "endpoints/api")
    made.says(Failed="True BackoffLimitExceeded: Job has reached the specified backoff limit")
    return made.app(terminated=True, ended=("OOMKilled", 137)).without("endpoints/api")


@scene("image-absent")
def an_image_nobody_remembers_why_it_is_not_pulled() -> Snap:
    says = 'Back-off pulling image "registry.acme.example/api:2"'
    return snap().app(waiting="ImagePullBackOff", says=says)


@scene("image-absent")
def an_image_for_another_machine() -> Snap:
    said = 'Failed to pull image "registry.acme.example/api:2": no match for platform in manifest: not found'
    return snap().app(waiting="ErrImagePull", says="").event("Failed", said, container="app")
