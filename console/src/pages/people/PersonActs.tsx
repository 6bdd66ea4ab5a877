import { MoreOutlined, SafetyCertificateOutlined } from "@ant-design/icons";
import { useMutation } from "@tanstack/react-query";
import { App, Button, Dropdown } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { api, dataOf, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useConfirm } from "../../common/confirm";
import { useListedPeople } from "./list";
import { MergePerson } from "./MergePerson";
import { MovePerson } from "./MovePerson";
import { isBuiltin, nameOf, type Person, placeOf } from "./person";
import { VerifyPerson } from "./VerifyPerson";

interface Properties {
  library: Schema<"ShownLibrary">;
  person: Person;
  /** Similarity from which it is the person; left out until it is known. */
  threshold: number | undefined;
}

type DialogName = "verify" | "move" | "copy" | "merge";

/** What can be done with a person as a whole. */
export function PersonActs({ library, person, threshold }: Properties) {
  const { t } = useTranslation("people");
  const { canWork, isAdmin } = usePermissions();
  const removal = useRemoval(library, person);
  const [dialog, setDialog] = useState<DialogName | null>(null);
  if (!canWork) return null;
  const close = () => setDialog(null);
  const own = isBuiltin(library);
  const hasFace = (person.faces?.length ?? 0) > 0;
  const act = (key: string) => {
    if (key === "delete") removal.remove();
    else if (key === "erase") removal.erase();
    else setDialog(key as DialogName);
  };
  return (
    <>
      <Button
        icon={<SafetyCertificateOutlined />}
        disabled={!hasFace || threshold === undefined}
        onClick={() => setDialog("verify")}
      >
        {t("verify.open")}
      </Button>
      <Dropdown
        trigger={["click"]}
        autoFocus
        menu={{
          onClick: ({ key }) => act(key),
          items: [
            { key: "move", label: t("move.open"), disabled: !own, title: own ? undefined : t("person.builtinOnly") },
            { key: "copy", label: t("copy.open") },
            { key: "merge", label: t("merge.menu"), disabled: !own, title: own ? undefined : t("person.builtinOnly") },
            { type: "divider" },
            { key: "delete", label: t("delete.menu"), danger: true },
            ...(isAdmin ? [{ key: "erase", label: t("erase.menu"), danger: true }] : []),
          ],
        }}
      >
        <Button icon={<MoreOutlined />}>{t("person.more")}</Button>
      </Dropdown>
      {dialog === "verify" && threshold !== undefined && (
        <VerifyPerson library={library} person={person} threshold={threshold} onClose={close} />
      )}
      {(dialog === "move" || dialog === "copy") && (
        <MovePerson library={library} person={person} isCopy={dialog === "copy"} onClose={close} />
      )}
      {dialog === "merge" && <MergePerson library={library} person={person} onClose={close} />}
    </>
  );
}

/** Deletes a person from the library, or from all libraries of the app, after a question that tells what is lost. */
function useRemoval(library: Schema<"ShownLibrary">, person: Person) {
  const { t } = useTranslation("people");
  const { seesAllApps } = usePermissions();
  const { message } = App.useApp();
  const confirm = useConfirm();
  const navigate = useNavigate();
  const listed = useListedPeople(library.id);
  const name = nameOf(person);
  const leave = () => {
    listed.forget(new Set([person.id]));
    return navigate(`/libraries/${library.id}`, { replace: true, flushSync: true });
  };
  const deletion = useMutation({
    mutationFn: () => api.DELETE("/libraries/{library}/people/{person}", placeOf(library.id, person.id)),
    onSuccess: leave,
  });
  const erasure = useMutation({
    mutationFn: () =>
      dataOf(api.POST("/erasures", { body: { personId: person.id, appId: seesAllApps ? library.appId : undefined } })),
    onSuccess: leave,
  });
  return {
    remove: () =>
      confirm({
        title: t("delete.title", { name, library: library.name }),
        content: t("delete.content", { faces: person.faces?.length ?? 0 }),
        action: t("delete.action"),
        onConfirm: async () => {
          await deletion.mutateAsync();
          message.success(t("delete.done", { name }));
        },
      }),
    erase: () =>
      confirm({
        title: t("erase.title", { name }),
        content: t(person.externalId ? "erase.content" : "erase.contentAlone", { app: library.appId, externalId: person.externalId }),
        action: t("erase.action"),
        word: name,
        onConfirm: async () => {
          const { libraries, people, faces } = await erasure.mutateAsync();
          message.success(t("erase.done", { libraries, people, faces }), 8);
        },
      }),
  };
}
