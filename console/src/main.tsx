import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { startLanguage } from "./app/language";
import "./app/style.css";

const root = document.getElementById("root");
if (root) {
  await startLanguage();
  createRoot(root).render(<App />);
}
