import { type FormEvent, useEffect, useRef, useState } from "react";
import { useLocation, useSearch } from "wouter";
import { call } from "../../api/client";
import { queryClient } from "../../api/queries";

function basic(key: string, secret: string): string {
  const bytes = new TextEncoder().encode(`${key}:${secret}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

export function LoginPage() {
  const [, navigate] = useLocation();
  const search = useSearch();
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const redeemed = useRef(false);

  const enter = () => {
    queryClient.clear();
    const next = new URLSearchParams(search).get("next") ?? "/";
    navigate(next.startsWith("/") && !next.startsWith("//") ? next : "/", { replace: true });
  };

  const attempt = async (login: () => Promise<unknown>) => {
    setBusy(true);
    setError("");
    try {
      await login();
      enter();
    } catch (cause) {
      setError(cause instanceof Error ? cause.message : String(cause));
    } finally {
      setBusy(false);
    }
  };

  useEffect(() => {
    const ticket = new URLSearchParams(window.location.hash.slice(1)).get("ticket");
    if (!ticket || redeemed.current) return;
    redeemed.current = true; // a ticket works once
    history.replaceState(null, "", window.location.pathname + window.location.search);
    void attempt(() => call("auth.redeem_login_ticket", { ticket }));
  });

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const header = basic(String(form.get("key")).trim(), String(form.get("secret")).trim());
    void attempt(() => call("auth.login", {}, { headers: { Authorization: header } }));
  };

  return (
    <main className="login">
      <h1>
        <svg viewBox="0 0 16 16" width="26" height="26" aria-hidden="true">
          <path d="M2 14h12M4 11V9M8 11V6M12 11V2" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />
        </svg>
        Trackside
      </h1>
      <p>
        Open the link that <code>trackside up</code> printed, or get a new one: it logs this browser in, once.
      </p>
      <pre>trackside login</pre>
      {error && <div className="notice bad" role="alert">{error}</div>}
      <form onSubmit={submit}>
        <h2>With an access key</h2>
        <label>
          Access key
          <input name="key" autoComplete="username" required spellCheck={false} />
        </label>
        <label>
          Secret key
          <input name="secret" type="password" autoComplete="current-password" required />
        </label>
        <button type="submit" className="primary" disabled={busy}>
          {busy ? "Logging in …" : "Log in"}
        </button>
        <p className="faint">
          <code>trackside credentials create</code> makes a pair.
        </p>
      </form>
    </main>
  );
}
