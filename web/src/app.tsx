import { lazy, Suspense, useEffect } from "react";
import { Link, Route, Switch, useLocation } from "wouter";
import { onLoggedOut } from "./api/client";
import { useLiveState, useStream } from "./api/live";
import { queryClient, useUser } from "./api/queries";
import { LoginPage } from "./features/login/login-page";
import { RunsPage } from "./features/runs/runs-page";
import { nextTheme, useTheme } from "./ui/theme";
import { Toasts } from "./ui/toasts";

const RunPage = lazy(() => import("./features/run/run-page"));

const LIVE_TEXT = { connecting: "connecting", live: "live", offline: "offline, trying again" } as const;

function Bar() {
  const live = useLiveState();
  const user = useUser();
  const [theme, setTheme] = useTheme();
  return (
    <header className="bar">
      <Link href="/" className="mark">
        <svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
          <path d="M2 14h12M4 11V9M8 11V6M12 11V2" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />
        </svg>
        Trackside
      </Link>
      <nav aria-label="Main">
        <Link href="/">Runs</Link>
      </nav>
      <span className="grow" />
      <span className={`live live-${live}`} role="status">
        <span aria-hidden="true" className="dot" /> {LIVE_TEXT[live]}
      </span>
      <button type="button" className="quiet" onClick={() => setTheme(nextTheme(theme))}>
        Theme: {theme}
      </button>
      <span className="user">{user.data?.name ?? user.data?.id}</span>
    </header>
  );
}

function Pages() {
  useStream();
  return (
    <>
      <a className="skip" href={window.location.href} onClick={(event) => {
        event.preventDefault();
        document.querySelector("main")?.focus();
      }}>
        Skip to the content
      </a>
      <Bar />
      <main tabIndex={-1}>
        <Suspense fallback={<p className="pad">Loading …</p>}>
          <Switch>
            <Route path="/">{() => <RunsPage project="" />}</Route>
            <Route path="/p/:project/runs">{({ project }) => <RunsPage project={project} />}</Route>
            <Route path="/projects/:project">{({ project }) => <RunsPage project={project} />}</Route>
            <Route path="/projects/:project/:kind/:id/*?">{({ kind, id, "*": tail }) =>
              kind === "tasks" || kind === "experiments" ? <RunPage id={id} tail={tail ?? ""} /> : <Missing />
            }</Route>
            <Route path="/runs/:id/*?">{({ id, "*": tail }) => <RunPage id={id} tail={tail ?? ""} />}</Route>
            <Route path="/projects/:project/:rest">{({ project }) => <RunsPage project={project} />}</Route>
            <Route><Missing /></Route>
          </Switch>
        </Suspense>
      </main>
    </>
  );
}

function Missing() {
  return (
    <div className="pad">
      <h1>There is no such page</h1>
      <p><Link href="/">All runs</Link></p>
    </div>
  );
}

export function App() {
  const [location, navigate] = useLocation();
  useEffect(
    () =>
      onLoggedOut(() => {
        queryClient.clear();
        navigate(`/login?next=${encodeURIComponent(location)}`, { replace: true });
      }),
    [location, navigate],
  );
  return (
    <>
      {location === "/login" ? <LoginPage /> : <Pages />}
      <Toasts />
    </>
  );
}
