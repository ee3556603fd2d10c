import java.io.ByteArrayInputStream;
import java.security.cert.CertificateFactory;
import java.util.Base64;
import javax.xml.crypto.dsig.Reference;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/**
 * Reads a SAML response from standard input, and says "signed" if it carries a signature of its own that covers all of it and holds for the
 * certificate that is the argument (DER in base64).
 */
public class VerifySAML {
    public static void main(String[] arguments) throws Exception {
        var factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        Element response = factory.newDocumentBuilder().parse(System.in).getDocumentElement();
        response.setIdAttribute("ID", true);
        var certificate = CertificateFactory.getInstance("X.509")
                .generateCertificate(new ByteArrayInputStream(Base64.getMimeDecoder().decode(arguments[0])));
        for (Node n = response.getFirstChild(); n != null; n = n.getNextSibling()) {
            if (!XMLSignature.XMLNS.equals(n.getNamespaceURI()) || !"Signature".equals(n.getLocalName())) {
                continue;
            }
            var context = new DOMValidateContext(certificate.getPublicKey(), n);
            var signature = XMLSignatureFactory.getInstance("DOM").unmarshalXMLSignature(context);
            var covered = signature.getSignedInfo().getReferences();
            boolean all = covered.size() == 1 && ("#" + response.getAttribute("ID")).equals(((Reference) covered.get(0)).getURI());
            System.out.print(all && signature.validate(context) ? "signed" : "not signed");
            return;
        }
        System.out.print("no signature");
    }
}
