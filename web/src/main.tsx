import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Router } from "wouter";
import { ROOT } from "./api/client";
import { queryClient } from "./api/queries";
import { App } from "./app";
import "./fonts.css";
import "./styles.css";

const place = document.getElementById("root");
if (place) {
  createRoot(place).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <Router base={ROOT.replace(/\/$/, "")}>
          <App />
        </Router>
      </QueryClientProvider>
    </StrictMode>,
  );
}
