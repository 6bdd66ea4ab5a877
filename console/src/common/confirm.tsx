import { App, Input, Typography } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { describe } from "./states";

interface Question {
  /** Question that names what will be destroyed or changed. */
  title: string;
  /** What it means: how much is lost, what can't be undone. */
  content?: ReactNode;
  /** Label of the button. */
  action: string;
  /** Word that must be typed first, for what weighs most. */
  word?: string;
  isDanger?: boolean;
  /** What is done. A failure is shown, and leaves the question open. */
  onConfirm: () => Promise<unknown>;
}

/** Asks before something is done that can't easily be undone. */
export function useConfirm() {
  const { modal, message } = App.useApp();
  const { t } = useTranslation();
  return ({ title, content, action, word, isDanger = true, onConfirm }: Question) => {
    let typed = "";
    const opened = modal.confirm({
      title,
      content: (
        <>
          {content}
          {word !== undefined && (
            <label style={{ display: "block", marginTop: 12 }}>
              <Typography.Text>{t("typeToConfirm", { word })}</Typography.Text>
              <Input
                style={{ marginTop: 4 }}
                onChange={({ target }) => {
                  typed = target.value;
                  opened.update({ okButtonProps: { danger: isDanger, disabled: typed !== word } });
                }}
              />
            </label>
          )}
        </>
      ),
      okText: action,
      okButtonProps: { danger: isDanger, disabled: word !== undefined },
      cancelText: t("cancel"),
      focusable: { autoFocusButton: "cancel" },
      onOk: async () => {
        try {
          await onConfirm();
        } catch (error) {
          const { title: fault, advice } = describe(error);
          message.error([fault, advice].filter(Boolean).join(" "));
          throw error;
        }
      },
    });
  };
}

/** Does something, and shows that it failed if it did. Returns whether it succeeded. */
export function useAct() {
  const { message } = App.useApp();
  return async (action: () => Promise<unknown>, done?: string): Promise<boolean> => {
    try {
      await action();
      if (done) message.success(done);
      return true;
    } catch (error) {
      const { title, advice } = describe(error);
      message.error([title, advice].filter(Boolean).join(" "));
      return false;
    }
  };
}
